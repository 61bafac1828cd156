# SPDX-License-Identifier: MIT
# Fixtures of the UDP balancer's tests: a worker under test control and its instances.
"""A real mmsd-udp-balancer, echo instances, and states that name them."""

from __future__ import annotations

import pytest

from lone_worker import LoneWorker, built, staged
from snapshot_frames import App, Instance, Port
from udp_peers import EchoInstance


@pytest.fixture(scope="module")
def executable():
    """The worker under test, where every user can run it."""
    with staged(built("workers/udp-balancer/mmsd-udp-balancer")) as path:
        yield path


@pytest.fixture
def start(executable):
    """Starts workers; all are stopped at the end, and must not have crashed."""
    workers = []

    def run(*flags, **options) -> LoneWorker:
        flags = flags or ("--bind-ip=127.0.0.1",)
        worker = LoneWorker(executable, "udp-balancer", flags, **options)
        workers.append(worker)
        return worker.ready()

    yield run
    for worker in workers:
        assert worker.stop() == 0, worker.log


@pytest.fixture
def make_instance():
    """Makes echo instances; all are killed at the end."""
    instances = []

    def make(name="a", address="127.0.0.1", port=0) -> EchoInstance:
        instances.append(EchoInstance(name, address, port))
        return instances[-1]

    yield make
    for instance in instances:
        instance.kill()


def app(port: int, *instances, labels=None, **options) -> App:
    """An app with one UDP port."""
    return App(
        options.pop("id", "/echo"),
        [Port(port, labels=labels or {})],
        [Instance(each.address, [each.port]) for each in instances],
        **options,
    )
