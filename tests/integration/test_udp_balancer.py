# SPDX-License-Identifier: MIT
# The UDP balancer alone, driven over its channel, with real sockets.
"""What clients, instances and operators see of mmsd-udp-balancer."""

from __future__ import annotations

import collections
import os
import pathlib
import random
import socket

import pytest

from snapshot_frames import DRAINING, NOT_RUNNING, App, Instance, Port
from udp_fixtures import app, executable, make_instance, start  # noqa: F401
from udp_peers import Client, open_socket
from waiting import free_port, wait_for


def test_answers_come_from_the_service_port_whatever_the_size(start, make_instance):
    """Also the empty and the largest datagram pass unchanged."""
    port, instance = free_port(), make_instance("")
    worker = start()
    assert worker.apply([app(port, instance)]) == ("applied", "")
    client = Client(port)
    for size in (0, 1, 512, 1473, 9000, 65506):
        assert client.ask(random.randbytes(size)) == ""
    client.send(random.randbytes(65507))
    assert len(client.receive()) == 65507
    report = worker.report()
    assert report.value("udp_service_datagrams_in_total", app="/echo", port=str(port)) == 7
    assert report.value("udp_service_datagrams_out_total", app="/echo", port=str(port)) == 7
    assert report.value("udp_bytes_in_total") == 65507 + 65506 + 9000 + 1473 + 512 + 1
    assert report.value("udp_sessions") == 1


def test_the_answer_leaves_from_the_address_that_was_asked(start, make_instance):
    """On a wildcard socket of a host with several addresses."""
    port = free_port()
    worker = start("--bind-ip=0.0.0.0")
    worker.apply([app(port, make_instance())])
    for address in ("127.0.0.1", "127.1.2.3", "127.0.0.1"):
        assert Client(port, address).ask() == "a"
    # The same client may change its mind.
    client = Client(port, "127.0.0.1")
    assert client.ask() == "a"
    client.server = ("127.9.9.9", port)
    assert client.ask() == "a"


@pytest.mark.parametrize("bind", ["::", "::1"])
def test_ipv6_clients_and_instances(start, make_instance, bind):
    """Both families on the instance side."""
    port = free_port()
    worker = start(f"--bind-ip={bind}")
    worker.apply([app(port, make_instance("six", "::1"), make_instance("four"))])
    assert {Client(port, "::1").ask() for _ in range(4)} == {"six", "four"}


def test_clients_stick_and_ten_thousand_spread_evenly(start, make_instance):
    """Five instances, within five per cent; memory stays small."""
    port = free_port()
    instances = [make_instance(str(i)) for i in range(5)]
    worker = start()
    worker.apply([app(port, *instances)])
    status = pathlib.Path(f"/proc/{worker.pid}/status")

    def resident_kb() -> int:
        return int(status.read_text().split("VmRSS:")[1].split()[0])

    before = resident_kb()
    shares = collections.Counter()
    sample = []
    for number in range(10_000):
        client = Client(port, address=f"127.10.{number >> 8}.{number & 255}")
        name = client.ask()
        shares[name] += 1
        if number % 100 == 0:
            sample.append((client, name))
        else:
            client.close()
    assert len(shares) == 5
    assert all(abs(count - 2000) <= 100 for count in shares.values()), shares
    for client, name in sample:
        assert client.ask(b"still you?") == name
    report = worker.report()
    assert report.value("udp_sessions") == 10_000
    assert report.value("udp_sessions_evicted_total") == 0
    assert resident_kb() - before < 8_000


def test_the_session_table_is_bounded(start, make_instance):
    """With few descriptors there are few sessions; the oldest idle one goes first."""
    port = free_port()
    worker = start(prefix=["prlimit", "--nofile=128:128"])
    worker.apply([app(port, make_instance())])
    capacity = int(worker.report().value("udp_session_capacity"))
    assert 20 <= capacity <= 80
    clients = [Client(port) for _ in range(3 * capacity)]
    assert all(client.ask() == "a" for client in clients)
    report = worker.report()
    assert report.value("udp_sessions") == capacity
    assert report.value("udp_sessions_evicted_total") == 2 * capacity
    assert report.value("udp_datagrams_dropped_total", reason="no_socket") == 0


def test_idle_sessions_end(start, make_instance):
    """After the label's time."""
    port = free_port()
    worker = start()
    worker.apply([app(port, make_instance(), labels={"lb-udp-idle": "50ms"})])
    descriptors = pathlib.Path(f"/proc/{worker.pid}/fd")
    idle = len(list(descriptors.iterdir()))
    assert Client(port).ask() == "a"
    wait_for("the session's end", lambda: len(list(descriptors.iterdir())) == idle)
    assert worker.report().value("udp_sessions") == 0


def test_a_new_state_keeps_what_is_still_there(start, make_instance):
    """Scaling up moves nobody; scaling down moves those whose instance is gone."""
    port = free_port()
    a, b, c = (make_instance(name) for name in "abc")
    worker = start()
    worker.apply([app(port, a, b)])
    clients = [Client(port) for _ in range(20)]
    before = [client.ask() for client in clients]
    assert collections.Counter(before) == {"a": 10, "b": 10}
    worker.apply([app(port, a, b, c)])
    assert [client.ask() for client in clients] == before
    worker.apply([app(port, a, c)])
    after = [client.ask() for client in clients]
    assert all(new == old for new, old in zip(after, before) if old == "a")
    assert {new for new, old in zip(after, before) if old == "b"} == {"a", "c"}


def test_draining_takes_no_new_clients(start, make_instance):
    """TASK_KILLING: only those that it has."""
    port = free_port()
    a, b = make_instance("a"), make_instance("b")
    worker = start()
    worker.apply([app(port, a)])
    old = Client(port)
    assert old.ask() == "a"
    draining = app(port, a, b)
    draining.instances[0].serving = DRAINING
    worker.apply([draining])
    assert old.ask() == "a"
    assert {Client(port).ask() for _ in range(6)} == {"b"}


def test_no_instance_drops_and_counts(start, make_instance):
    """And serves again when one comes."""
    port, instance = free_port(), make_instance()
    worker = start()
    idle = app(port, instance)
    idle.instances[0].serving = NOT_RUNNING
    client = Client(port)
    for lost, state in enumerate((App("/echo", [Port(port)], []), idle), 1):
        worker.apply([state])
        client.send(b"lost")
        wait_for(
            "the count",
            lambda lost=lost: worker.report().value(
                "udp_datagrams_dropped_total", reason="no_instance"
            )
            == lost,
        )
    worker.apply([app(port, instance)])
    assert client.ask() == "a"


def test_a_refused_datagram_makes_the_next_try_another(start, make_instance):
    """A closed port answers with ICMP: clients move on before Marathon knows."""
    port = free_port()
    a, b = make_instance("a"), make_instance("b")
    worker = start()
    worker.apply([app(port, a, b)])
    clients = [Client(port) for _ in range(10)]
    before = [client.ask() for client in clients]
    assert collections.Counter(before) == {"a": 5, "b": 5}
    a.kill()
    for client, name in zip(clients, before):
        client.send(b"lost where the instance is gone")
        assert name == "a" or client.receive()
    assert {client.ask() for client in clients} == {"b"}
    # New clients are spared the bad instance while it is known to be bad.
    assert {Client(port).ask() for _ in range(6)} == {"b"}
    assert worker.report().value("udp_instance_errors_total") >= 5


def test_a_lone_instance_is_found_again_after_its_restart(start, make_instance):
    """ICMP errors do not stick where there is no other instance."""
    port, instance = free_port(), make_instance()
    worker = start()
    worker.apply([app(port, instance)])
    client = Client(port)
    assert client.ask() == "a"
    instance.kill()
    for _ in range(3):
        client.send(b"lost")
    make_instance("b", port=instance.port)
    assert client.ask() == "b"


def test_multicast_reaches_all_and_all_answer(start, make_instance):
    """Each datagram goes to every serving instance, both families; strangers are kept out."""
    port = free_port()
    instances = [make_instance(name) for name in "abc"]
    worker = start()
    labels = {"lb-mode": "multicast"}
    worker.apply([app(port, *instances, labels=labels)])
    client = Client(port)

    def answers(count: int) -> set[bytes]:
        client.send(b"all")
        return {client.receive() for _ in range(count)}

    assert answers(3) == {b"a:all", b"b:all", b"c:all"}
    six = make_instance("six", "::1")
    worker.apply([app(port, *instances, six, labels=labels)])
    assert answers(4) == {b"a:all", b"b:all", b"c:all", b"six:all"}
    partly = app(port, *instances, labels=labels)
    partly.instances[0].serving = DRAINING
    worker.apply([partly])
    assert answers(2) == {b"b:all", b"c:all"}
    assert client.receive(0.1) is None

    # Who guesses the port of the fan-out socket still gets nothing through.
    witness = open_socket()
    worker.apply([App("/echo", [Port(port, labels=labels)],
                      [Instance("127.0.0.1", [witness.getsockname()[1]])])])
    client.send(b"where from")
    upstream = witness.recvfrom(100)[1]
    with open_socket() as stranger:
        stranger.sendto(b"forged", upstream)
    witness.sendto(b"true", upstream)
    assert client.receive() == b"true"
    assert worker.report().value("udp_datagrams_dropped_total", reason="stranger") == 1


def test_the_service_does_not_talk_to_itself(start, make_instance):
    """A forged question from the service's own address would be answered for ever."""
    if os.getuid() != 0:
        pytest.skip("forging a source address needs root")
    port = free_port()
    worker = start()
    worker.apply([app(port, make_instance())])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as forger:
        for source in (port, 0):
            header = source.to_bytes(2, "big") + port.to_bytes(2, "big") + b"\0\x0a\0\0"
            forger.sendto(header + b"??", ("127.0.0.1", 0))
    wait_for(
        "the drops",
        lambda: worker.report().value("udp_datagrams_dropped_total", reason="bad_source") == 2,
    )
    assert worker.report().value("udp_datagrams_in_total") == 2


def test_garbage_passes_unchanged_and_harms_nobody(start, make_instance):
    """Random octets, sizes and clients."""
    port = free_port()
    worker = start()
    worker.apply([app(port, make_instance(""))])
    clients = [Client(port) for _ in range(20)]
    generator = random.Random(7)
    for _ in range(500):
        payload = generator.randbytes(int(2 ** generator.uniform(0, 15.9)))
        assert generator.choice(clients).ask(payload) == ""
    assert worker.report().value("udp_datagrams_out_total") == 500
