# SPDX-License-Identifier: MIT
# Everything switched on: one app of Marathon in HAProxy, gateway, DNS, file and API at once.
"""All workers under the real supervisor."""

from __future__ import annotations

import http.client
import os
import pathlib
import signal

import pytest
from haproxy_traffic import Backends, Load
from mmsd_harness import OPTIONAL_PROCESSES, PROCESSES, Mmsd
from waiting import free_port, wait_for

dns = pytest.importorskip("dns")
import dns.message  # noqa: E402
import dns.query  # noqa: E402

_EVERY = {**PROCESSES, **OPTIONAL_PROCESSES}


def haproxies(mmsd: Mmsd) -> list[int]:
    """All HAProxy processes of that mmsd, also those that outlived it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-db" in command and any(part.startswith(bytes(mmsd.state)) for part in command):
            found.append(int(entry.name))
    return found


class Cluster:
    """A Marathon double with one HTTP app whose instances are real, and where it is exposed."""

    def __init__(self, double, backends) -> None:
        self.double = double
        self.backends = backends.http
        self.service_port = free_port()
        self.gateway_port = free_port()
        self.dns_port = free_port()
        double.add_app(
            "/shop/web", instances=0, network="bridge",
            ports=[{"service_port": self.service_port, "container_port": 80}],
            labels={"proto": "http", "lb-vhost": "web.test"},
        )
        self.grow()
        self.grow()

    def grow(self) -> None:
        """One more instance, on the port of the next backend."""
        app = self.double.server.operations.apps["/shop/web"]
        app.ports[0].host_port = self.backends[len(app.tasks)]
        self.double.scale("/shop/web", len(app.tasks) + 1)

    @property
    def ports(self) -> set[int]:
        tasks = self.double.server.operations.apps["/shop/web"].tasks
        return {task.ports[0] for task in tasks}

    def flags(self) -> list[str]:
        return [
            "--enable-tcp=true", "--enable-udp=true", "--enable-dns", "--enable-gateway",
            f"--dns-port={self.dns_port}", f"--haproxy-port={free_port()}",
            "--gateway-bind=127.0.0.1", f"--gateway-port-http={self.gateway_port}",
            f"--gateway-port-https={free_port()}",
        ]


@pytest.fixture
def running(make_double, make_mmsd):
    """@return cluster, running mmsd that exposes it"""
    with Backends(http=4) as backends:
        double = make_double("1.8", hosts=["127.0.0.1"])
        cluster = Cluster(double, backends)
        mmsd = make_mmsd(double, *cluster.flags())
        mmsd.start()
        wait_for("the app behind HAProxy", lambda: is_routed(cluster.service_port))
        # It may serve a moment before its manager knows: a start under way ends with the manager.
        wait_for("all workers to have applied it", lambda: all_applied(mmsd))
        yield cluster, mmsd
        if mmsd.process.poll() is None:
            mmsd.stop()
        for pid in haproxies(mmsd):
            os.kill(pid, signal.SIGKILL)


def ask(port: int, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_routed(port: int, host: str = "any") -> bool:
    try:
        return ask(port, host)[0] == 200
    except OSError:
        return False


def srv_ports(port: int) -> set[int]:
    query = dns.message.make_query("web.shop.mmsd.", "SRV")
    answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=10)
    return {record.port for rrset in answer.answer for record in rrset}


def served_ports(port: int, host: str = "any") -> set[int]:
    """Which instances answer, each named by its port."""
    return {int(ask(port, host)[1]) for _ in range(20)}


def shows(cluster: Cluster, mmsd: Mmsd) -> bool:
    """True if each output has exactly the instances that Marathon has."""
    lines = {f"127.0.0.1:{port}" for port in cluster.ports}
    content = (mmsd.confd / "shop.web.instances").read_text()
    assert set(content.partition("\n\n")[2].split()) == lines
    assert set(mmsd.get("/v1/instances/shop/web").lines) == lines
    assert srv_ports(cluster.dns_port) == cluster.ports
    assert served_ports(cluster.service_port) == cluster.ports
    assert served_ports(cluster.gateway_port, "web.test") == cluster.ports
    return True


def all_applied(mmsd: Mmsd) -> bool:
    applied = {each["name"]: each["generation"] for each in mmsd.status()["processes"]}
    return set(applied) == set(_EVERY) and all(
        generation > 0 for name, generation in applied.items() if name != "marathon-watcher"
    )


def has_applied(mmsd: Mmsd, name: str) -> bool:
    for process in mmsd.status()["processes"]:
        if process["name"] == name:
            return process["pid"] == mmsd.pid(name) and process["phase"] == "running"
    return False


def test_an_app_and_its_changes_are_everywhere(running):
    cluster, mmsd = running
    wait_for("two instances everywhere", lambda: shows(cluster, mmsd))
    (haproxy,) = haproxies(mmsd)
    cluster.grow()
    wait_for("three instances everywhere", lambda: shows(cluster, mmsd))
    cluster.double.scale("/shop/web", 1)
    wait_for("one instance everywhere", lambda: shows(cluster, mmsd))
    assert haproxies(mmsd) == [haproxy], "instances came and went without a reload"


def test_each_worker_restarts_under_load_and_no_request_fails(running):
    cluster, mmsd = running
    load = Load(cluster.service_port, rate=200, kept=10)
    with load:
        for name in _EVERY:
            before = {each: mmsd.pid(each) for each in _EVERY}
            os.kill(before[name], signal.SIGTERM)
            wait_for(f"a new {name}", lambda: mmsd.pid(name) not in (0, before[name]))
            if name != "api-server":
                wait_for(f"{name} to run", lambda: has_applied(mmsd, name))
            assert {each for each in _EVERY if mmsd.pid(each) != before[each]} == {name}
    assert load.result.requests > 0
    assert not load.result.failures, load.result
    wait_for("the same state as before", lambda: shows(cluster, mmsd))
    assert len(haproxies(mmsd)) == 1


def test_supervisor_is_killed_and_started_again_under_load_and_no_request_fails(running):
    cluster, mmsd = running
    (haproxy,) = haproxies(mmsd)
    load = Load(cluster.service_port, rate=200, kept=10)
    with load:
        mmsd.process.kill()
        mmsd.process.wait()
        wait_for("the workers' end", lambda: not any(
            pathlib.Path(f"/proc/{mmsd.pid(name)}").exists() for name in _EVERY if mmsd.pid(name)
        ))
        assert haproxies(mmsd) == [haproxy], "HAProxy serves on"
        mmsd.start()
        wait_for("everything as before", lambda: shows(cluster, mmsd))
    assert not load.result.failures, load.result
    assert haproxies(mmsd) == [haproxy], "taken over, not replaced"


def test_orderly_stop_ends_haproxy_too(running):
    _, mmsd = running
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))


def test_a_signal_to_all_processes_at_once_ends_haproxy_too(running):
    """As a service manager stops a service: each process hears of it, in any order."""
    _, mmsd = running
    for name in _EVERY:
        os.kill(mmsd.pid(name), signal.SIGTERM)
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))


def test_a_stop_while_the_manager_waits_for_its_restart_ends_haproxy_too(running):
    _, mmsd = running
    for _ in range(2):  # the second crash in a row is the first one with a wait
        old = wait_for("the manager", lambda: mmsd.pid("haproxy-manager"))
        os.kill(old, signal.SIGKILL)
        wait_for("its end", lambda old=old: mmsd.pid("haproxy-manager") != old)
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))
