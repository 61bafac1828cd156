# SPDX-License-Identifier: MIT
# The DNS server alone, driven over its channel, asked over real sockets.
"""What clients and operators see of mmsd-dns-server."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

from dns_server import RunningDnsServer, TIMEOUT
from lone_worker import built, staged
from snapshot_frames import DRAINING, App, Instance, Port
from waiting import wait_for

dns = pytest.importorskip("dns")
import dns.edns  # noqa: E402
import dns.flags  # noqa: E402
import dns.message  # noqa: E402
import dns.opcode  # noqa: E402
import dns.rcode  # noqa: E402
import dns.rdatatype  # noqa: E402
import dns.reversename  # noqa: E402

UNHEALTHY = 5


@pytest.fixture(scope="module")
def executable():
    """The worker under test, where every user can run it."""
    with staged(built("workers/dns-server/mmsd-dns-server")) as path:
        yield path


@pytest.fixture
def start(executable):
    """Starts servers; all are stopped at the end, and must not have crashed."""
    running = []

    def run(*flags, **options) -> RunningDnsServer:
        running.append(RunningDnsServer(executable, flags, **options))
        return running[-1]

    yield run
    for each in running:
        each.stop()


def web(*addresses, id="/path/to/web", port=31000, **options) -> App:
    """An app with one HTTP port."""
    return App(id, [Port(10000, "tcp", "http")],
               [Instance(address, [port], task_id=f"web.{address}") for address in addresses],
               **options)


def test_answers_by_type(start):
    """A, SRV with targets and addresses, TXT, PTR, SOA, NS; AA is set, RA is not."""
    server = start()
    assert server.worker.apply(
        [web("10.0.0.1", "10.0.0.2", "2001:db8::1", labels={"a": "1", "b": "x y"})]
    ) == ("applied", "")
    name = "web.to.path.mmsd."
    assert server.addresses(name) == ["10.0.0.1", "10.0.0.2"]
    assert server.addresses(name, "AAAA") == ["2001:db8::1"]
    reply = server.ask(name, "SRV")
    assert reply.flags & dns.flags.AA and not reply.flags & dns.flags.RA
    services = [item for rrset in reply.answer for item in rrset]
    assert {(s.priority, s.weight, s.port) for s in services} == {(1, 1, 31000)}
    glue = {str(rrset.name): [str(item) for item in rrset] for rrset in reply.additional}
    assert {str(s.target) for s in services} == set(glue)
    for target, expected in glue.items():
        kind = "AAAA" if ":" in expected[0] else "A"
        assert server.addresses(target, kind) == expected
    assert len(server.ask("_http._tcp." + name, "SRV").answer[0]) == 3
    assert len(server.ask("_0._tcp." + name, "SRV").answer[0]) == 3
    assert server.ask(name, "TXT").answer[0][0].strings == (b"a=1", b"b=x y")
    for address in ("10.0.0.1", "2001:db8::1"):
        reply = server.ask(dns.reversename.from_address(address), "PTR")
        assert str(reply.answer[0][0].target) in glue
    assert str(server.ask("mmsd.", "NS").answer[0][0].target) == "ns.mmsd."
    assert server.addresses("ns.mmsd.") == ["127.0.0.1"]
    assert server.ask("mmsd.", "SOA").answer[0][0].minimum == 5


def test_negative_answers(start):
    """NXDOMAIN, NODATA and empty non-terminals with SOA; other zones are refused."""
    server = start()
    server.worker.apply([web("10.0.0.1")])
    for name, rdtype, rcode in (
        ("none.mmsd.", "A", dns.rcode.NXDOMAIN),
        ("web.to.path.mmsd.", "AAAA", dns.rcode.NOERROR),
        ("to.path.mmsd.", "A", dns.rcode.NOERROR),
        ("path.mmsd.", "ANY", dns.rcode.NOERROR),
    ):
        reply = server.ask(name, rdtype)
        assert reply.rcode() == rcode and not reply.answer
        assert reply.authority[0].rdtype == dns.rdatatype.SOA
        assert str(reply.authority[0].name) == "mmsd."
    reply = server.ask("example.org.")
    assert reply.rcode() == dns.rcode.REFUSED and not reply.flags & dns.flags.AA


def test_follows_the_state(start):
    """Adding, draining, removing; the serial moves only when data does."""
    server = start()
    worker = server.worker
    serial = lambda: server.ask("mmsd.", "SOA").answer[0][0].serial  # noqa: E731
    worker.apply([web("10.0.0.1"), web("10.0.0.9", id="/other")])
    first = serial()
    assert abs(first - time.time()) < 60
    assert worker.apply([web("10.0.0.1"), web("10.0.0.9", id="/other")]) == ("unchanged", "")
    assert serial() == first
    worker.apply([web("10.0.0.1", "10.0.0.2"), web("10.0.0.9", id="/other")])
    assert serial() > first
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.1", "10.0.0.2"]
    draining = web("10.0.0.1", "10.0.0.2")
    draining.instances[0].serving = DRAINING
    worker.apply([draining])
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.2"]
    assert server.ask("other.mmsd.").rcode() == dns.rcode.NXDOMAIN


def test_all_unhealthy_is_better_than_nothing(start):
    """All are answered, and a metric says so."""
    server = start()
    app = web("10.0.0.1", "10.0.0.2")
    for instance in app.instances:
        instance.serving = UNHEALTHY
    server.worker.apply([app])
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.1", "10.0.0.2"]
    assert server.worker.report().value("dns_all_unhealthy_apps") == 1
    app.instances[0].serving = 0
    server.worker.apply([app])
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.1"]
    assert server.worker.report().value("dns_all_unhealthy_apps") == 0


def test_spelling_comes_back(start):
    """Owner names equal the query name, with its case."""
    server = start()
    server.worker.apply([web("10.0.0.1")])
    reply = server.ask("wEb.TO.path.MMSD.")
    assert reply.question[0].name.to_text() == "wEb.TO.path.MMSD."
    assert reply.answer[0].name.to_text() == "wEb.TO.path.MMSD."


def test_edns(start):
    """Sizes are honoured, versions above 0 are BADVERS, DO comes back, without it none goes out."""
    server = start()
    server.worker.apply([web(*(f"10.0.{i // 200}.{i % 200}" for i in range(400)))])
    name = "web.to.path.mmsd."
    for size in (512, 1232, 4096):
        reply = server.ask(name, use_edns=0, payload=size)
        assert reply.flags & dns.flags.TC and reply.edns == 0 and reply.payload == 1232
        assert len(reply.to_wire()) <= min(size, 1232)
    reply = server.ask(name, use_edns=False)
    assert reply.edns == -1 and reply.flags & dns.flags.TC
    query = dns.message.make_query(name, "A")
    query.use_edns(1)
    assert server.ask(query).rcode() == dns.rcode.BADVERS
    assert server.ask(name, use_edns=0, want_dnssec=True).ednsflags & dns.flags.DO
    cookie = dns.edns.GenericOption(10, b"12345678")
    assert server.ask(name, "SOA", use_edns=0, options=[cookie]).rcode() == dns.rcode.NOERROR
    reply = server.ask(name, tcp=True)
    assert len(reply.answer[0]) == 400 and not reply.flags & dns.flags.TC
    report = server.worker.report()
    assert report.value("dns_truncated_total", transport="udp") == 4 + 1
    assert report.value("dns_responses_total", transport="udp", rcode="BADVERS") == 1
    assert report.value("dns_queries_total", transport="tcp", type="A") == 1


def test_other_opcodes_and_classes(start):
    """NOTIMP, REFUSED, FORMERR; the server lives on."""
    server = start()
    server.worker.apply([web("10.0.0.1")])
    for opcode in (dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS):
        query = dns.message.make_query("web.to.path.mmsd.", "SOA", use_edns=False)
        query.set_opcode(opcode)
        wire = query.to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(TIMEOUT)
            client.sendto(wire, (server.address, server.port))
            reply = client.recv(4096)
        assert reply[3] & 15 == dns.rcode.NOTIMP and (reply[2] >> 3) & 15 == opcode
    assert server.ask("version.bind.", "TXT", rdclass="CH").rcode() == dns.rcode.REFUSED
    assert server.ask("mmsd.", "AXFR").rcode() == dns.rcode.REFUSED
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.sendto(struct.pack("!6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
                      (server.address, server.port))
        assert client.recv(4096) == struct.pack("!6H", 7, 0x8001, 0, 0, 0, 0)


def test_rotates(start):
    """Each instance comes first for its share of the askers."""
    server = start()
    server.worker.apply([web("10.0.0.1", "10.0.0.2", "10.0.0.3")])
    query = dns.message.make_query("web.to.path.mmsd.", "A")
    first = {str(server.ask(query).answer[0][0]) for _ in range(100)}
    assert first == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}


def test_tcp_pipelining_and_keepalive(start):
    """Many queries on one connection, written at once, are all answered."""
    server = start()
    server.worker.apply([web(*(f"10.0.0.{i}" for i in range(200)))])
    with (socket.create_connection((server.address, server.port), TIMEOUT) as client,
          client.makefile("rb") as stream):
        rounds = []
        for _ in range(3):
            queries = [dns.message.make_query("web.to.path.mmsd.", "SRV") for _ in range(50)]
            client.sendall(b"".join(struct.pack("!H", len(q.to_wire())) + q.to_wire()
                                    for q in queries))
            replies = [stream.read(struct.unpack("!H", stream.read(2))[0]) for _ in queries]
            rounds.append((queries, replies))
    # Only now: on a busy machine, parsing them takes longer than a connection may be idle.
    for queries, replies in rounds:
        parsed = {reply.id: reply for reply in map(dns.message.from_wire, replies)}
        for query in queries:
            assert query.is_response(parsed[query.id])
            assert len(parsed[query.id].answer[0]) == 200
    assert wait_for("closed connection", lambda: server.worker.report().value(
        "dns_tcp_connections") == 0)
    assert server.worker.report().value("dns_tcp_accepted_total") == 1


@pytest.mark.parametrize("bind, asked", [("0.0.0.0", "127.0.0.2"), ("::", "::1"),
                                         ("::", "127.0.0.3"), ("::1", "::1")])
def test_any_address(start, bind, asked):
    """A client that accepts answers only from where it asked gets them."""
    server = start(address=bind, ask=asked)
    server.worker.apply([web("10.0.0.1")])
    family = socket.AF_INET6 if ":" in asked else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((asked, server.port))
        client.settimeout(TIMEOUT)
        for number in range(5):
            query = dns.message.make_query("web.to.path.mmsd.", "A", id=number)
            client.send(query.to_wire())
            assert dns.message.from_wire(client.recv(4096)).id == number
    assert server.ask("web.to.path.mmsd.", tcp=True).answer


def test_settings(start):
    """Base name, TTL and pushed services."""
    server = start("--dns-basename=dc1.example.org", "--dns-ttl=90s", "--dns-push-srv")
    server.worker.apply([web("10.0.0.1")])
    reply = server.ask("web.to.path.dc1.example.org.")
    assert reply.answer[0].ttl == 90
    assert reply.additional[0].rdtype == dns.rdatatype.SRV
    assert server.ask("web.to.path.mmsd.").rcode() == dns.rcode.REFUSED


def test_bad_names_and_collisions_cost_only_themselves(start):
    """And are reported."""
    server = start()
    server.worker.apply([
        web("10.0.0.1"), web("10.0.0.2", id="/path/web.to"), web("10.0.0.3", id="/" + "x" * 64),
        web("10.0.0.4", id="/Old_Style/App"), web("10.0.0.5", id="/sp ace")])
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.1"]
    assert server.addresses("app.old_style.mmsd.") == ["10.0.0.4"]
    refused = {app for app, _, _ in server.worker.report().refusals}
    assert refused == {"/path/web.to", "/" + "x" * 64, "/sp ace"}


def test_waits_for_the_first_state_then_says_that_it_has_none(start):
    """No NXDOMAIN before there is a state."""
    server = start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.address, server.port))
        client.settimeout(TIMEOUT)
        query = dns.message.make_query("web.to.path.mmsd.", "A")
        client.send(query.to_wire())
        assert dns.message.from_wire(client.recv(4096)).rcode() == dns.rcode.SERVFAIL
        server.worker.apply([web("10.0.0.1")])
        client.send(query.to_wire())
        assert dns.message.from_wire(client.recv(4096)).rcode() == dns.rcode.NOERROR


def test_a_replaced_worker_answers_what_came_in_between(start):
    """The sockets stay open: queries wait and are answered by the next process."""
    server = start()
    server.worker.apply([web("10.0.0.1")])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.address, server.port))
        client.settimeout(TIMEOUT)
        server.worker.signal(signal.SIGTERM)
        assert server.worker.process.wait(10) == 0
        query = dns.message.make_query("web.to.path.mmsd.", "A")
        client.send(query.to_wire())
        server.start().apply([web("10.0.0.1")])
        assert query.is_response(dns.message.from_wire(client.recv(4096)))


def test_random_packets_hurt_nobody(start):
    """Noise, mutated queries and truncated ones over both transports."""
    server = start()
    server.worker.apply([web("10.0.0.1")])
    rng = random.Random(1035)
    good = dns.message.make_query("web.to.path.mmsd.", "SRV", use_edns=0).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.address, server.port))
        client.setblocking(False)
        for _ in range(int(os.environ.get("MMSD_DNS_RANDOM_PACKETS", "20000"))):
            packet = bytearray(good if rng.random() < 0.7 else rng.randbytes(rng.randrange(600)))
            for _ in range(rng.randrange(6)):
                if packet:
                    packet[rng.randrange(len(packet))] = rng.randrange(256)
            client.send(packet[:rng.randrange(len(packet) + 1)] if rng.random() < 0.2 else packet)
            try:
                while True:
                    client.recv(4096)
            except BlockingIOError:
                pass
    for _ in range(100):
        with socket.create_connection((server.address, server.port), TIMEOUT) as client:
            client.sendall(rng.randbytes(rng.randrange(1, 500)))
    assert server.addresses("web.to.path.mmsd.") == ["10.0.0.1"]
    assert server.worker.report().value("dns_malformed_total", transport="udp") > 1000


@pytest.mark.parametrize("command", [
    ["dig", "+time=5", "+tries=1"], ["dig", "+edns=1", "+noednsnegotiation"],
    ["dig", "+bufsize=512"], ["dig", "+bufsize=4096"], ["dig", "+tcp"], ["dig", "+tcp", "+keepopen"],
    ["dig", "+noedns"], ["dig", "+norec"], ["dig", "+cookie"], ["dig", "+dnssec"],
    ["kdig", "+edns=1"], ["kdig", "+bufsize=1232"], ["kdig", "+tcp"], ["kdig", "+tcp", "+keepopen"],
    ["kdig", "+noedns"], ["kdig", "+norec"], ["drill"], ["drill", "-t"], ["drill", "-o", "rd"]],
    ids=" ".join)
def test_tools(start, command):
    """Real clients take the answers, and complain of nothing."""
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]}")
    server = start()
    server.worker.apply([web("10.0.0.1", "10.0.0.2")])
    # kdig writes names in lower case, whatever came back.
    name = "web.to.path.mmsd." if command[0] == "kdig" else "weB.to.path.mmsd."
    arguments = ["-p", str(server.port), f"@{server.address}", name, "SRV"]
    done = subprocess.run([command[0], *command[1:], *arguments], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 0, done
    output = done.stdout
    for trouble in ("mismatch", "malformed", "WARNING: Message", "extra", "unexpected", "bogus"):
        assert trouble not in output
    if "+edns=1" in command:
        assert "BADVERS" in output
    else:
        assert output.count("SRV\t1 1 31000") == 2 and name in output
