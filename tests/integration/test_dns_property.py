# SPDX-License-Identifier: MIT
# Random states through the real worker: every answer parses with dnspython and says what the state
# says, worked out here from the contract alone.
"""Properties of the DNS server's answers, over UDP and TCP."""

from __future__ import annotations

import os
import random
import socket
import struct

import pytest

from dns_server import RunningDnsServer, TIMEOUT
from lone_worker import built, staged
from snapshot_frames import DRAINING, SERVING, App, Instance, Port

pytest.importorskip("dns")
import dns.flags  # noqa: E402
import dns.message  # noqa: E402
import dns.name  # noqa: E402
import dns.rcode  # noqa: E402
import dns.rdatatype  # noqa: E402
import dns.reversename  # noqa: E402

_UNHEALTHY = 5
_STATES = int(os.environ.get("MMSD_DNS_PROPERTY_STATES", "25"))


@pytest.fixture(scope="module")
def server():
    with staged(built("workers/dns-server/mmsd-dns-server")) as path:
        made = RunningDnsServer(path)
        yield made
        made.stop()


def random_apps(rng: random.Random) -> list[App]:
    """Up to eight apps in nested groups: every serving state, both families, all kinds of ports."""
    ids = set()
    for _ in range(rng.randint(1, 8)):
        ids.add("/" + "/".join(rng.choice(["a", "b", "web", "x-1", "y" * 63])
                               for _ in range(rng.randint(1, 3))))
    apps = []
    for app_id in sorted(ids):
        ports = [Port(10000 + i, rng.choice(["tcp", "udp", "tcp,udp"]),
                      rng.choice(["", f"port{i}", "HTTP" if i == 0 else ""]))
                 for i in range(rng.randint(0, 4))]
        instances = [
            Instance(rng.choice([f"10.0.{rng.randint(0, 3)}.{rng.randint(1, 250)}",
                                 f"2001:db8::{rng.randint(1, 0xffff):x}"]),
                     [rng.choice([0, 31000 + i, 31000]) for i in range(len(ports))],
                     serving=rng.choice([SERVING, SERVING, SERVING, DRAINING, _UNHEALTHY]),
                     task_id=f"{app_id}.{rng.random()}")
            for _ in range(rng.choice([0, 1, 2, 5, 60]))]
        labels = {f"k{i}": "v" * rng.choice([0, 1, 250, 251, 252]) + str(i)
                  for i in range(rng.randint(0, 4))}
        apps.append(App(app_id, ports, instances, labels))
    return apps


class Expected:
    """What the contract says of one app. Section 6, and section 2 for who is answered."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.name = ".".join(reversed(app.id[1:].split("/"))) + ".mmsd."
        serving = [each for each in app.instances if each.serving == SERVING]
        unhealthy = [each for each in app.instances if each.serving == _UNHEALTHY]
        self.instances = serving or unhealthy
        self.is_all_unhealthy = not serving and bool(unhealthy)

    def addresses(self, version: str) -> list[str]:
        return sorted({each.address for each in self.instances
                       if (":" in each.address) == (version == "AAAA")})

    def services(self, index: int | None = None) -> list[tuple[str, int]]:
        """(address, port) of each SRV record: equal ports of one instance are one record."""
        found = []
        for each in self.instances:
            ports = each.ports if index is None else each.ports[index:index + 1]
            found += [(each.address, port) for port in sorted({p for p in ports if p})]
        return sorted(found)

    def texts(self) -> list[bytes]:
        pairs = sorted(f"{key}={value}".encode() for key, value in self.app.labels.items())
        return [text for text in pairs if len(text) <= 255]


class Asker:
    """One connection over TCP, one socket over UDP."""

    def __init__(self, server: RunningDnsServer) -> None:
        where = (server.address, server.port)
        self._tcp = socket.create_connection(where, TIMEOUT)
        self._stream = self._tcp.makefile("rb")
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(TIMEOUT)
        self._udp.connect(where)

    def close(self) -> None:
        self._stream.close()
        self._tcp.close()
        self._udp.close()

    def ask(self, name, rdtype: str) -> dns.message.Message:
        """Over both; UDP must say the same, or that it is cut. @return what TCP said"""
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
        wire = query.to_wire()
        self._tcp.sendall(struct.pack("!H", len(wire)) + wire)
        whole = self._parse(query, self._stream.read(struct.unpack("!H", self._stream.read(2))[0]))
        self._udp.send(wire)
        octets = self._udp.recv(65535)
        assert len(octets) <= 1232
        reply = self._parse(query, octets)
        assert reply.rcode() == whole.rcode()
        records = [set(rrset) for rrset in whole.answer]
        if reply.flags & dns.flags.TC:
            assert len(whole.to_wire()) > 512
            assert all(set(part) < rrset for part, rrset in zip(reply.answer, records))
        else:
            assert [set(rrset) for rrset in reply.answer] == records
        return whole

    @staticmethod
    def _parse(query, octets: bytes) -> dns.message.Message:
        """dnspython refuses left-over octets, wrong counts and pointers that lead nowhere."""
        reply = dns.message.from_wire(octets, ignore_trailing=False)
        assert query.is_response(reply)
        assert reply.edns == 0
        for section in (reply.answer, reply.authority, reply.additional):
            assert all(rrset.ttl == 5 for rrset in section)
        return reply


def check_app(asker: Asker, expected: Expected) -> set[str]:
    """@return names of its instances"""
    for rdtype in ("A", "AAAA"):
        reply = asker.ask(expected.name, rdtype)
        assert reply.rcode() == dns.rcode.NOERROR
        assert values(reply) == expected.addresses(rdtype)
        assert bool(reply.authority) != bool(reply.answer)
    texts = asker.ask(expected.name, "TXT").answer
    assert [list(rrset[0].strings) for rrset in texts] == [expected.texts()] * bool(texts)
    assert bool(texts) == bool(expected.texts())

    targets: set[str] = set()
    names = [(None, expected.name)]
    for index, port in enumerate(expected.app.ports):
        for label in {str(index), port.name} - {""}:
            for protocol in port.transport.split(","):
                names.append((index, f"_{label}._{protocol}.{expected.name}"))
    for index, name in names:
        reply = asker.ask(name, "SRV")
        glue = {str(rrset.name): str(rrset[0]) for rrset in reply.additional}
        services = [record for rrset in reply.answer for record in rrset]
        for service in services:
            assert (service.priority, service.weight) == (1, 1)
            assert str(service.target).endswith("." + expected.name)
        assert sorted((glue[str(s.target)], s.port) for s in services) == expected.services(index)
        targets |= set(glue)
        for target, address in sorted(glue.items())[:3]:
            assert values(asker.ask(target, "AAAA" if ":" in address else "A")) == [address]
            back = asker.ask(dns.reversename.from_address(address), "PTR")
            found = values(back)
            assert target in found or len(found) == 16
    return targets


def values(reply: dns.message.Message) -> list[str]:
    return sorted(str(record) for rrset in reply.answer for record in rrset)


@pytest.mark.parametrize("seed", range(_STATES))
def test_answers_say_what_the_state_says(server, seed):
    rng = random.Random(seed)
    apps = random_apps(rng)
    assert server.worker.apply(apps)[0] in ("applied", "unchanged")
    asker = Asker(server)
    try:
        everything = [Expected(app) for app in apps]
        for expected in everything:
            check_app(asker, expected)
        names = {expected.name for expected in everything}
        # Parents exist without records; what is beside and below them does not exist.
        for expected in everything:
            parent = dns.name.from_text(expected.name).parent()
            if str(parent) not in names and str(parent) != "mmsd.":
                assert asker.ask(parent, "A").rcode() == dns.rcode.NOERROR
            for absent in ("none." + expected.name, "_99._tcp." + expected.name):
                reply = asker.ask(absent, "A")
                assert reply.rcode() == dns.rcode.NXDOMAIN and not reply.answer
                assert reply.authority[0].rdtype == dns.rdatatype.SOA
        answered = {each.address for expected in everything for each in expected.instances}
        silent = {each.address for app in apps for each in app.instances} - answered
        for address in sorted(silent)[:5]:
            reply = asker.ask(dns.reversename.from_address(address), "PTR")
            assert reply.rcode() == dns.rcode.REFUSED
        report = server.worker.report()
        assert report.value("dns_apps") == len(apps)
        assert report.value("dns_all_unhealthy_apps") == sum(
            expected.is_all_unhealthy for expected in everything)
    finally:
        asker.close()
