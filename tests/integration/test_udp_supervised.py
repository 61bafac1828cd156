# SPDX-License-Identifier: MIT
# The UDP balancer under the real mmsd: from an app in Marathon to datagrams, across restarts.
"""UDP load balancing end to end."""

from __future__ import annotations

import pwd
import signal

import pytest
from udp_paced_load import PacedLoad
from udp_peers import Client, EchoInstance, is_answered
from waiting import free_port, wait_for

_CAP_NET_BIND_SERVICE = f"{1 << 10:016x}"


@pytest.fixture
def balanced(make_double, make_mmsd):
    """A running mmsd with one UDP app of two instances. @return mmsd, service port"""
    instances = [EchoInstance("a"), EchoInstance("b")]
    port = free_port()
    double = make_double("1.8", hosts=["127.0.0.1"])
    double.add_app(
        "/echo", instances=0, ports=[{"service_port": port, "protocol": "udp"}], network="bridge"
    )
    # Each instance has a port of its own, as Marathon would have chosen it.
    for instance in instances:
        double.server.operations.apps["/echo"].ports[0].host_port = instance.port
        double.scale("/echo", len(double.server.operations.apps["/echo"].tasks) + 1)
    mmsd = make_mmsd(double, "--enable-udp=true")
    mmsd.start()
    wait_for("datagrams to pass", lambda: is_answered(port))
    yield mmsd, port
    for instance in instances:
        instance.kill()


def test_both_instances_answer(balanced):
    _, port = balanced
    clients = [Client(port) for _ in range(8)]
    assert {client.ask() for client in clients} == {"a", "b"}
    for client in clients:
        client.close()


def test_restart_by_the_operator_loses_no_datagram_and_no_session(balanced):
    mmsd, port = balanced
    # While there is no worker the kernel's queue holds them: some 550 with Debian's rmem_max, which
    # has to last for a restart on a busy machine.
    load = PacedLoad(port, clients=8, per_second=300)
    with load:
        wait_for("the load", lambda: all(count > 5 for count in load.sent))
        for _ in range(3):
            old = mmsd.signal("udp-balancer", signal.SIGTERM)
            wait_for("a new worker", lambda: mmsd.pid("udp-balancer") not in (0, old))
            wait_for("the state in it", lambda: has_applied(mmsd, "udp-balancer"))
    assert load.total_missing() == 0
    assert all(len(load.instances(i)) == 1 for i in range(8)), "a session changed its instance"


def has_applied(mmsd, name: str) -> bool:
    for process in mmsd.status()["processes"]:
        if process["name"] == name:
            return process["pid"] == mmsd.pid(name) and process["generation"] > 0
    return False


def test_crash_comes_back_with_the_service_port_bound(balanced):
    mmsd, port = balanced
    old = mmsd.signal("udp-balancer", signal.SIGKILL)
    wait_for("a new worker", lambda: mmsd.pid("udp-balancer") not in (0, old))
    wait_for("datagrams to pass again", lambda: is_answered(port))


def test_has_one_capability_and_a_user_of_its_own(balanced):
    mmsd, _ = balanced
    pid = mmsd.pid("udp-balancer")
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    uid = str(pwd.getpwnam("mmsd-udp").pw_uid)
    assert status["Uid"].split() == [uid] * 4
    assert status["Groups"].strip() == ""
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[name] == _CAP_NET_BIND_SERVICE, name
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
