# SPDX-License-Identifier: MIT
# Pods are served as apps with named ports: in files, API and DNS, but by no load balancer.
"""Pods of Marathon 1.4 and newer, through the real processes."""

from __future__ import annotations

import socket

import dns.message
import dns.query
import pytest
from double_client import get_json
from waiting import free_port, wait_for

ENDPOINTS = [{"name": "web"}, {"name": "admin"}, {"name": "log", "protocol": "udp"}]


@pytest.mark.parametrize("generation", ["1.4", "1.5", "1.10"])
def test_the_double_prints_pods_as_marathon_does(make_double, generation):
    double = make_double(generation)
    double.add_pod("/pods/one", instances=2, ports=ENDPOINTS, health_checks=1, network="bridge")
    double.add_app("/app")
    (status,) = get_json(double, "/v2/pods/::status")
    assert get_json(double, "/v2/pods/pods/one::status") == status
    assert [app["id"] for app in get_json(double, "/v2/apps")["apps"]] == ["/app"]
    assert get_json(double, "/v2/pods") == [status["spec"]]
    assert [len(each["endpoints"]) for each in status["spec"]["containers"]] == [2, 1]
    assert status["spec"]["containers"][0]["endpoints"][0]["protocol"] == ["tcp"]
    instance = status["instances"][0]
    names = {each["name"] for part in instance["containers"] for each in part["endpoints"]}
    assert names == {"web", "admin", "log"}
    assert all(
        "allocatedHostPort" in each for part in instance["containers"] for each in part["endpoints"]
    )
    assert instance["status"] == "STABLE" and instance["agentHostname"]


@pytest.mark.parametrize("generation", ["1.4", "1.8"])
def test_every_change_of_a_pod_is_followed(make_double, make_mmsd, expect_state, generation):
    double = make_double(generation)
    double.add_pod("/first/pod", instances=2, ports=ENDPOINTS, health_checks=1)
    double.add_app("/app", instances=2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    full = double.counters["apps"]

    double.scale("/first/pod", 5)
    expect_state(mmsd, double)
    double.set_health("/first/pod", 0, False)
    expect_state(mmsd, double)
    double.set_health("/first/pod", 0, True)
    double.set_state("/first/pod", 1, "TASK_KILLING")
    expect_state(mmsd, double)
    double.kill_task("/first/pod", 1)
    expect_state(mmsd, double)
    double.relabel("/first/pod", {"proto": "redis"})
    expect_state(mmsd, double)
    double.deploy("/first/pod")
    expect_state(mmsd, double)
    double.add_pod("/second/pod", instances=1, network="bridge", ports=2)
    double.scale("/first/pod", 0)
    expect_state(mmsd, double)
    double.remove_app("/first/pod")
    expect_state(mmsd, double)
    assert not any(name.startswith("first.pod") for name in mmsd.files())
    # Each of these writes asks for a full fetch soon, and no more than one in 15 s is made of them.
    assert double.counters["apps"] - full <= 2


def test_pods_in_a_container_network(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    ports = [{"name": "web", "host_port": None}, {"name": "admin", "host_port": 0}]
    double.add_pod("/pod", instances=3, network="container", ports=ports)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    assert all(line.startswith("9.0.") for line in mmsd.get("/v1/instances/pod").lines)
    assert all(
        line.startswith("10.") for line in mmsd.get("/v1/instances/pod?portIndex=1").lines
    )


def test_marathon_without_pods_is_asked_once_per_stream(make_double, make_mmsd, expect_state):
    double = make_double("1.3")
    double.add_app("/app")
    mmsd = make_mmsd(double, "--resync-interval=1s").start()
    expect_state(mmsd, double)
    fetched = double.counters["apps"]
    wait_for("resyncs", lambda: double.counters["apps"] >= fetched + 3)
    assert double.counters["pods"] == double.counters["events"] == 1
    double.remove_app("/app")
    expect_state(mmsd, double)
    assert double.counters["pod"] == 0


def test_pods_that_marathon_cannot_tell_of_stay(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    double.add_pod("/pod", instances=3)
    double.add_app("/app", instances=1)
    mmsd = make_mmsd(double, "--resync-interval=1s").start()
    expect_state(mmsd, double)
    for kind in ("status", "garbage", "empty", "truncate", "reset"):
        double.add_fault("pods", kind)
        asked = double.counters["pods"]
        double.scale("/app", 1 + double.counters["pods"] % 5)
        wait_for("pods to be asked for", lambda: double.counters["pods"] >= asked + 2)
        expect_state(mmsd, double)
        double.clear_faults()


def test_an_id_that_goes_from_app_to_pod_and_back(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    double.add_app("/thing", instances=2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    for add in (double.add_pod, double.add_app, double.add_pod):
        double.remove_app("/thing")
        add("/thing", instances=3)
        expect_state(mmsd, double)


def test_pods_survive_a_restart_while_marathon_is_away(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    double.add_pod("/pod", instances=3, ports=ENDPOINTS)
    double.add_app("/app")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.files()
    wait_for("the state on disk", lambda: (mmsd.state / "watcher" / "snapshot.bin").exists())
    assert mmsd.stop() == 0
    double.pause()
    mmsd.start()
    assert mmsd.files() == before
    double.resume()
    double.add_fault("pods", "hang", count=1)  # apps are not removed or added without the pods
    double.scale("/pod", 4)
    expect_state(mmsd, double, timeout=40)


def test_pods_in_dns_and_behind_no_load_balancer(make_double, make_mmsd, expect_state):
    port, service_port = free_port(), free_port()
    double = make_double("1.8")
    double.add_pod("/shop/pod", instances=2, ports=ENDPOINTS)
    double.add_app("/shop/app", ports=[service_port])
    mmsd = make_mmsd(
        double, "--enable-dns", f"--dns-port={port}", "--enable-tcp", "--enable-udp",
        f"--haproxy-port={free_port()}",
    ).start()
    expect_state(mmsd, double)

    def ask(name: str, kind: str) -> list:
        query = dns.message.make_query(name, kind)
        answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=10)
        return [record for rrset in answer.answer for record in rrset]

    def is_right() -> bool:
        tasks = double.app("/shop/pod").tasks
        for index, (name, kind) in enumerate((("web", "tcp"), ("admin", "tcp"), ("log", "udp"))):
            found = {each.port for each in ask(f"_{name}._{kind}.pod.shop.mmsd.", "SRV")}
            assert found == {task.ports[index] for task in tasks}
        hosts = {each.address for each in ask("pod.shop.mmsd.", "A")}
        assert hosts == {task.host for task in tasks}
        return True

    wait_for("SRV and A records", is_right)
    double.scale("/shop/pod", 4)
    wait_for("records of four instances", is_right)

    def is_balanced() -> bool:
        with socket.create_connection(("127.0.0.1", service_port), timeout=5):
            return True

    def listens() -> bool:
        try:
            return is_balanced()
        except OSError:
            return False

    wait_for("the app's service port", listens)
    assert mmsd.status()["refusals"] == []  # that a pod has no service ports is nobody's mistake
    assert mmsd.get("/v1/service_ports/shop/pod").lines in ([], ["0", "0", "0"])
    for file in (mmsd.state / "haproxy").glob("*.cfg"):
        assert "shop" not in file.read_text() or "pod" not in file.read_text()
