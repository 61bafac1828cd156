# SPDX-License-Identifier: MIT
# The UDP balancer on a host with several addresses and an unreachable neighbour.
"""What needs a network of its own: addresses of every kind, hosts that do not answer."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import time

import pytest

from lone_worker import LoneWorker, built, staged
from snapshot_frames import App, Instance, Port
from udp_peers import Client, EchoInstance

_CLONE_NEWNET = 0x40000000
_PORT = 5000
# veth instead of dummy: it resolves neighbours, and so finds out that there is none.
_SET_UP = """
ip link set lo up
ip -6 addr add fd00::1/128 dev lo nodad
ip -6 addr add fd00::2/128 dev lo nodad
ip -6 addr add fe80::5/64 dev lo scope link nodad
ip link add va type veth peer name vb
ip addr add 10.9.0.1/24 dev va
ip link set va up
ip link set vb up
"""


@pytest.fixture(scope="module")
def network():
    """This thread, and the processes that it starts, in a network namespace of their own."""
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if libc.unshare(_CLONE_NEWNET) != 0:
        pytest.skip("no network namespaces here")
    try:
        subprocess.run(["sh", "-ec", _SET_UP], check=True)
        yield
    finally:
        libc.setns(home, _CLONE_NEWNET)
        os.close(home)


@pytest.fixture
def start(network):
    """Starts workers; all are stopped at the end."""
    workers = []
    with staged(built("workers/udp-balancer/mmsd-udp-balancer")) as path:

        def run(bind: str) -> LoneWorker:
            workers.append(LoneWorker(path, "udp-balancer", [f"--bind-ip={bind}"]))
            return workers[-1].ready()

        yield run
        for worker in workers:
            worker.stop()


@pytest.fixture
def instance(network):
    """One echo instance."""
    made = EchoInstance("a")
    yield made
    made.kill()


def state(*endpoints) -> list[App]:
    """One app with these instances."""
    return [App("/echo", [Port(_PORT)], [Instance(address, [port]) for address, port in endpoints])]


def test_ipv6_answers_leave_from_the_address_that_was_asked(start, instance):
    """The kernel alone would choose one for all."""
    start("::").apply(state((instance.address, instance.port)))
    for server in ("fd00::1", "fd00::2", "::1"):
        for own in ("fd00::1", "fd00::2", "::1"):
            assert Client(_PORT, server, own).ask() == "a"


def test_a_link_local_client_is_answered(start, instance):
    """Its address means nothing without the interface."""
    start("::").apply(state((instance.address, instance.port)))
    index = socket.if_nametoindex("lo")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.bind(("fe80::5", 0, 0, index))
        client.sendto(b"?", ("fe80::5", _PORT, 0, index))
        assert client.recvfrom(100) == (b"a:?", ("fe80::5", _PORT, 0, index))


def test_an_unreachable_host_is_left_for_another(start, instance):
    """The neighbour that never answers costs seconds once, not for ever."""
    worker = start("0.0.0.0")
    worker.apply(state(("10.9.0.99", 7), (instance.address, instance.port)))
    waiting = [Client(_PORT) for _ in range(2)]
    deadline = time.monotonic() + 15
    while waiting and time.monotonic() < deadline:
        for client in waiting:
            client.send(b"?")
        waiting = [client for client in waiting if client.receive(0.1) is None]
    assert not waiting
    assert worker.report().value("udp_instance_errors_total") >= 1
