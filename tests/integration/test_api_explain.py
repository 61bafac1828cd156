# SPDX-License-Identifier: MIT
# /v1/explain with the real processes: each rule that can keep an app out is named.
"""Why an app is not there, as the API and `mmsd explain` tell it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess

import pytest
from mmsd_harness import Mmsd
from waiting import free_port, wait_for

# Refuses what comes of the app /refused, as a HAProxy that knows more than our grammars would.
_PICKY_HAPROXY = """#!/bin/sh
for last; do :; done
for file; do
    if [ -f "$file" ] && grep -q '^frontend f_refused_0' "$file"; then
        echo "[ALERT]    (1) : config : Proxy 'f_refused_0': nonsense"
        exit 1
    fi
done
exec {haproxy} "$@"
"""


def explain(mmsd: Mmsd, app: str) -> dict:
    answer = mmsd.get(f"/v1/explain{app}")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def output(mmsd: Mmsd, app: str, kind: str, index: int = 0, place: str = "") -> dict:
    """One output of a port: the first of its kind, or the one at @place."""
    for each in explain(mmsd, app)["ports"][index]["outputs"]:
        if each["kind"] == kind and (not place or place in each["places"]):
            return each
    raise AssertionError(f"{app} has no output {kind}")


def wait_output(mmsd: Mmsd, app: str, kind: str, **expected) -> dict:
    """Waits until the output has these members; its process may not have come so far yet."""

    def probe():
        found = output(mmsd, app, kind)
        wrong = {name: found.get(name) for name, value in expected.items() if found.get(name) != value}
        assert not wrong, found
        return found

    return wait_for(f"{app}: {kind} to be {expected}", probe, 30.0)


@pytest.fixture
def node(make_double, make_mmsd, staged_executables):
    """@return double, running mmsd with every output on, ports by name"""
    ports = {name: free_port() for name in ("web", "shared", "busy", "refused", "plain", "own")}
    double = make_double("1.8", hosts=["127.0.0.1"])
    picky = staged_executables / "picky-haproxy"
    picky.write_text(_PICKY_HAPROXY.format(haproxy=shutil.which("haproxy")))
    picky.chmod(0o755)
    gateway = free_port()
    mmsd = make_mmsd(
        double, "--enable-tcp=true", "--enable-udp=true", "--enable-dns", "--enable-gateway",
        f"--dns-port={free_port()}", f"--haproxy-port={ports['own']}", "--gateway-bind=127.0.0.1",
        f"--gateway-port-http={gateway}", f"--gateway-port-https={free_port()}",
        "--filter-groups=blue", f"--haproxy-bin={picky}", "--haproxy-reload-interval=100ms",
    )
    ports["gateway"] = gateway
    double.add_app("/shop/web", 2, ports=[{"service_port": ports["web"], "name": "http"}],
                   labels={"lb-group": "blue", "proto": "http", "lb-vhost": "web.test"})
    return double, mmsd, ports


def test_everything_that_keeps_an_app_out(node):
    double, mmsd, ports = node
    blue = {"lb-group": "blue"}
    double.add_app("/older", 1, ports=[{"service_port": ports["shared"]}], labels=blue)
    double.add_app("/newer", 1, ports=[{"service_port": ports["shared"]}], labels=blue)
    double.add_app("/vhost", 1, ports=[{"service_port": ports["plain"]}],
                   labels={**blue, "proto": "http", "lb-vhost": "web.test,own.test",
                           "lb-balance": "dice"})
    double.add_app("/red", 1, ports=[{"service_port": free_port()}], labels={"lb-group": "red"})
    double.add_app("/idle", 0, ports=[{"service_port": free_port()}], labels=blue)
    double.add_app("/lost", 1, ports=[{"service_port": free_port()}], labels=blue,
                   hosts=["no-such-host.invalid"])
    double.add_app("/own", 1, ports=[{"service_port": ports["own"]}], labels=blue)
    double.add_app("/refused", 1, ports=[{"service_port": ports["refused"]}], labels=blue)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports["busy"]))
        holder.listen()
        double.add_app("/busy", 1, ports=[{"service_port": ports["busy"]}], labels=blue)
        mmsd.start()

        tcp = wait_output(mmsd, "/shop/web", "tcp", state="exposed")
        assert tcp["places"] == [f"127.0.0.1:{ports['web']}"]
        assert (tcp["frontend"], tcp["backend"]) == ("f_shop_web_0", "b_shop_web_0")
        assert tcp["reason"] is None
        host = wait_output(mmsd, "/shop/web", "gateway_http", state="exposed")
        assert (host["places"], host["map"], host["key"]) == (["web.test"], "http.map", "web.test")
        assert host["bind"] == f"127.0.0.1:{ports['gateway']}"
        file = wait_output(mmsd, "/shop/web", "file", state="exposed")
        assert file["places"] == [str(mmsd.confd / "shop.web.instances")]
        names = wait_output(mmsd, "/shop/web", "dns", state="exposed")["places"]
        assert names == ["web.shop.mmsd", "_0._tcp.web.shop.mmsd", "_http._tcp.web.shop.mmsd"]

        lost = wait_output(mmsd, "/newer", "tcp", state="left_out", rule="conflict")
        assert lost["reason"] == f"service port {ports['shared']} taken by /older port index 0"
        wait_output(mmsd, "/older", "tcp", state="exposed")
        taken = wait_output(mmsd, "/vhost", "gateway_http", state="left_out", rule="conflict")
        assert "taken by /shop/web port index 0" in taken["reason"]
        assert output(mmsd, "/vhost", "gateway_http", place="own.test")["state"] == "exposed"
        wait_output(mmsd, "/vhost", "tcp", state="exposed")
        notes = explain(mmsd, "/vhost")["ports"][0]["notes"]
        assert [note["rule"] for note in notes if "lb-balance" in note["text"]] == ["invalid_value"]

        red = wait_output(mmsd, "/red", "tcp", state="left_out", rule="group")
        assert red["reason"] == 'lb-group "red", and --filter-groups has only blue'
        wait_output(mmsd, "/red", "file", state="exposed")
        wait_output(mmsd, "/idle", "tcp", state="empty", rule="no_serving_instance")
        unresolved = wait_output(mmsd, "/lost", "tcp", state="empty", rule="unresolved_host")
        assert "no-such-host.invalid" in unresolved["reason"]
        (instance,) = explain(mmsd, "/lost")["instances"]
        assert (instance["serving"], instance["verdict"]) == (False, "unresolved")
        assert instance["reason"] == 'host "no-such-host.invalid" has no address'
        assert "HAProxy management" in wait_output(
            mmsd, "/own", "tcp", state="left_out", rule="own_port")["reason"]
        wait_output(mmsd, "/refused", "tcp", state="left_out", rule="quarantined")
        wait_output(mmsd, "/refused", "dns", state="exposed")
        wait_output(mmsd, "/busy", "tcp", state="left_out", rule="port_busy")
    wait_output(mmsd, "/busy", "tcp", state="exposed")


def test_labels_say_where_they_are_from(node):
    double, mmsd, ports = node
    double.relabel("/shop/web", {"proto": "tcp"}, port_index=0)
    mmsd.start()
    labels = {each["name"]: each for each in explain(mmsd, "/shop/web")["ports"][0]["labels"]}
    assert (labels["proto"]["value"], labels["proto"]["from"]) == ("tcp", "port")
    assert (labels["lb-group"]["value"], labels["lb-group"]["from"]) == ("blue", "app")
    wait_output(mmsd, "/shop/web", "tcp", state="exposed", app_protocol="tcp")
    # The name needs HTTP, which the port no longer speaks.
    notes = wait_for("the note", lambda: explain(mmsd, "/shop/web")["notes"])
    assert "proto=http" in notes[0]["text"]


def test_switched_off_outputs_name_their_flag(make_double, make_mmsd):
    double = make_double("1.8")
    double.add_app("/web", 1, ports=[{"service_port": 20_100}], labels={"lb-vhost": "a.test"})
    mmsd = make_mmsd(double, "--enable-files=false").start()
    for kind, flag in (("tcp", "--enable-tcp"), ("file", "--enable-files"), ("dns", "--enable-dns")):
        found = output(mmsd, "/web", kind)
        assert (found["state"], found["rule"], found["reason"]) == ("off", "disabled", f"{flag}=false")


def test_unknown_apps_get_near_names(make_double, make_mmsd):
    double = make_double("1.8")
    double.add_app("/prod/shop/cart", 1)
    double.add_app("/web", 1)
    mmsd = make_mmsd(double).start()
    for asked, near in (("/cart", ["/prod/shop/cart"]), ("/WEB", ["/web"]), ("/zzz", [])):
        answer = mmsd.get(f"/v1/explain{asked}")
        assert (answer.status, json.loads(answer.body)["near"]) == (404, near)
    assert mmsd.get("/v1/explain").status == 404


def client(mmsd: Mmsd, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Runs `mmsd` with a first word that is a command."""
    return subprocess.run(
        [str(mmsd.executables / "mmsd"), *arguments, f"--worker-dir={mmsd.executables}"],
        capture_output=True, text=True, timeout=30, check=False, **options,
    )


def test_explain_on_the_command_line(make_double, make_mmsd):
    double = make_double("1.8")
    double.add_app("/dev/web", 2, ports=[{"service_port": 20_200}])
    mmsd = make_mmsd(double).start()
    url = f"--url=http://127.0.0.1:{mmsd.api_port}"
    wait_output(mmsd, "/dev/web", "file", state="exposed")
    told = client(mmsd, "explain", "dev/web", url)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("/dev/web   2 of 2 instances serve")
    assert str(mmsd.confd / "dev.web.instances") in told.stdout
    assert "--enable-tcp=false" in told.stdout
    assert "\x1b" not in told.stdout
    as_json = client(mmsd, "explain", "/dev/web", url, "--json")
    assert json.loads(as_json.stdout)["app"] == "/dev/web"
    unknown = client(mmsd, "explain", "web", url)
    assert (unknown.returncode, unknown.stdout) == (1, "no such app: /web\nDid you mean\n  /dev/web\n")
    assert client(mmsd, "explain").returncode == 64
