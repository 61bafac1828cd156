# SPDX-License-Identifier: MIT
# The DNS server on a host with several addresses, asked from another host.
"""Wildcard binds: answers leave from the address that was asked."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess

import pytest

from lone_worker import built, staged
from snapshot_frames import App, Instance, Port

pytest.importorskip("dns")
import dns.message  # noqa: E402
import dns.query  # noqa: E402

from dns_server import RunningDnsServer, TIMEOUT  # noqa: E402

_CLONE_NEWNET = 0x40000000
_ADDRESSES = {"0.0.0.0": ["10.9.0.1", "10.9.0.2", "10.9.1.1"],
              "::": ["fd09::1", "fd09::2", "fd09:0:0:1::1"]}
_SERVER = """
ip link set lo up
ip link add va type veth peer name vb netns {client}
ip addr add 10.9.0.1/24 dev va
ip addr add 10.9.0.2/24 dev va
ip addr add 10.9.1.1/32 dev lo
ip addr add fd09::1/64 dev va nodad
ip addr add fd09::2/64 dev va nodad
ip addr add fd09:0:0:1::1/128 dev lo nodad
ip link set va up
"""
_CLIENT = """
ip addr add 10.9.0.100/24 dev vb
ip addr add fd09::100/64 dev vb nodad
ip link set vb up
ip route add 10.9.1.1 via 10.9.0.1
ip route add fd09:0:0:1::1 via fd09::1
"""


class Hosts:
    """Two network namespaces with a cable between them; this thread is in one at a time."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._home = self._open()
        self._server, self._client = self._new(), self._new()
        self.go(self._server)
        self._run(_SERVER.format(client=f"/proc/{os.getpid()}/fd/{self._client}"))
        self.go(self._client)
        self._run(_CLIENT)

    def _open(self) -> int:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _new(self) -> int:
        if self._libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip("no network namespaces here")
        return self._open()

    def _run(self, script: str) -> None:
        subprocess.run(["sh", "-ec", script], check=True)

    def go(self, namespace: int) -> None:
        assert self._libc.setns(namespace, _CLONE_NEWNET) == 0

    def on_server(self) -> None:
        self.go(self._server)

    def on_client(self) -> None:
        self.go(self._client)

    def close(self) -> None:
        self.go(self._home)
        for namespace in (self._home, self._server, self._client):
            os.close(namespace)


@pytest.fixture(scope="module")
def hosts():
    if os.getuid() != 0 or not shutil.which("ip"):
        pytest.skip("needs root and ip(8)")
    made = Hosts()
    yield made
    made.close()


@pytest.fixture(params=list(_ADDRESSES))
def server(hosts, request):
    """A server bound to every address of its host; the test runs on the other host."""
    with staged(built("workers/dns-server/mmsd-dns-server")) as path:
        hosts.on_server()
        made = RunningDnsServer(path, address=request.param, port=53)
        hosts.on_client()
        made.worker.apply([App("/web", [Port(10000, "tcp", "http")],
                               [Instance(f"10.0.0.{i}", [31000]) for i in range(1, 6)])])
        yield made
        made.stop()


def test_answers_leave_from_the_address_that_was_asked(server):
    """Also where one client asks several addresses at once, whose answers share a batch."""
    addresses = _ADDRESSES[server.bind]
    family = socket.AF_INET6 if ":" in addresses[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        for _ in range(5):
            asked = {}
            for number in range(60):
                query = dns.message.make_query("web.mmsd.", "A" if number % 2 else "SRV", id=number)
                asked[number] = addresses[number % len(addresses)]
                client.sendto(query.to_wire(), (asked[number], 53))
            while asked:
                reply, source = client.recvfrom(4096)
                message = dns.message.from_wire(reply)
                assert len(message.answer[0]) == 5
                assert source[:2] == (asked.pop(message.id), 53)


def test_every_address_answers_over_tcp(server):
    for address in _ADDRESSES[server.bind]:
        query = dns.message.make_query("web.mmsd.", "A")
        assert len(dns.query.tcp(query, address, timeout=TIMEOUT).answer[0]) == 5
