# SPDX-License-Identifier: MIT
# The UDP balancer under load: scaling and restarts, with every datagram accounted for.
"""What is lost while instances come and go and while the worker is restarted."""

from __future__ import annotations

import signal
import socket

import pytest

from lone_worker import LoneWorker
from snapshot_frames import App, Instance, Port
from udp_fixtures import executable  # noqa: F401
from udp_paced_load import PacedLoad
from udp_peers import Client, EchoInstance
from waiting import free_port, wait_for


@pytest.fixture
def instances():
    """Five echo instances."""
    made = [EchoInstance(name) for name in "abcde"]
    yield made
    for instance in made:
        instance.kill()


@pytest.fixture
def start(executable):  # noqa: F811
    """Starts one worker after another with the store that a supervisor would keep for them."""
    store = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    roles = list(zip(("udp-in-store", "udp-out-store"), store))
    workers = []

    def run() -> LoneWorker:
        workers.append(
            LoneWorker(executable, "udp-balancer", ["--bind-ip=127.0.0.1"], sockets=roles)
        )
        return workers[-1].ready()

    yield run
    for worker in workers:
        worker.stop()
    for end in store:
        end.close()


def echo(port: int, instances) -> list[App]:
    """The state with one app."""
    return [App("/echo", [Port(port)], [Instance(each.address, [each.port]) for each in instances])]


def more_answers(load: PacedLoad, count: int) -> None:
    """Waits until the load has gone on for a while."""
    goal = load.answered() + count
    wait_for("more answers", lambda: load.answered() >= goal)


def test_scaling_loses_nothing_of_sessions_that_stay(start, instances):
    """Clients of an instance that is there all the time miss no answer and never move."""
    port = free_port()
    worker = start()
    worker.apply(echo(port, instances[:2]))
    with PacedLoad(port, clients=40, per_second=3000) as load:
        for shape in ("ab", "abcde", "acde", "ab", "abc", "a", "abcde"):
            worker.apply(echo(port, [each for each in instances if each.name in shape]))
            more_answers(load, 400)
    staying = [i for i in range(40) if load.instances(i) == {"a"}]
    assert len(staying) >= 20
    assert [load.missing(i) for i in staying] == [[]] * len(staying)
    # Those who move lose at most the answers that are on their way then.
    assert load.total_missing() <= 40
    assert load.repeated == 0


def restart(worker: LoneWorker, number: signal.Signals, start, state) -> LoneWorker:
    """What the supervisor does when a worker ends."""
    worker.signal(number)
    worker.process.wait(10)
    successor = start()
    successor.apply(state)
    return successor


def test_an_orderly_restart_loses_nothing(start, instances):
    """The kernel keeps sockets and sessions: no datagram lost, nobody moved."""
    port = free_port()
    state = echo(port, instances)
    worker = start()
    worker.apply(state)
    with PacedLoad(port, clients=50, per_second=3000) as load:
        more_answers(load, 500)
        for _ in range(3):
            worker = restart(worker, signal.SIGTERM, start, state)
            more_answers(load, 500)
    assert load.total_missing() == 0
    assert load.repeated == 0
    assert all(len(load.instances(i)) == 1 for i in range(50))
    assert worker.report().value("udp_sessions") == 50


def test_ten_thousand_sessions_survive_a_restart(start, instances):
    """All of them are handed over, and every client meets its instance again."""
    port = free_port()
    state = echo(port, instances)
    worker = start()
    worker.apply(state)
    sample = []
    for number in range(10_000):
        client = Client(port, address=f"127.10.{number >> 8}.{number & 255}")
        name = client.ask()
        if number % 100 == 0:
            sample.append((client, name))
        else:
            client.close()
    for _ in range(2):
        worker = restart(worker, signal.SIGTERM, start, state)
        assert worker.report().value("udp_sessions") == 10_000
        for client, name in sample:
            assert client.ask() == name


def test_a_crash_loses_only_answers_on_their_way(start, instances):
    """The service sockets live on in the store, so what clients send then waits there."""
    port = free_port()
    state = echo(port, instances)
    worker = start()
    worker.apply(state)
    with PacedLoad(port, clients=50, per_second=2000) as load:
        more_answers(load, 500)
        worker = restart(worker, signal.SIGKILL, start, state)
        more_answers(load, 500)
    # One answer per client at most can have been in the sockets that went.
    assert load.total_missing() <= 50
    assert worker.report().value("udp_sessions") == 50


def test_a_successor_drops_what_the_state_no_longer_has(start, instances):
    """Ports of services that ended in between are free, sessions of gone instances move on."""
    gone, kept = free_port(), free_port()
    worker = start()
    both = echo(kept, instances[:2]) + [
        App("/gone", [Port(gone)], [Instance("127.0.0.1", [instances[0].port])])
    ]
    worker.apply(both)
    clients = [Client(kept) for _ in range(6)]
    before = [client.ask() for client in clients]
    assert set(before) == {"a", "b"}
    worker = restart(worker, signal.SIGTERM, start, echo(kept, instances[1:2]))
    assert {client.ask() for client in clients} == {"b"}
    wait_for("the free port", lambda: is_free(gone))
    worker = restart(worker, signal.SIGTERM, start, [])
    wait_for("the free port", lambda: is_free(kept))


def is_free(port: int) -> bool:
    """True if the UDP port can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
