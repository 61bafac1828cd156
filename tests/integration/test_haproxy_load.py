# SPDX-License-Identifier: MIT
# The haproxy-manager under load: whatever it does, no connection gets lost.
"""Scaling, reloads, crashes and take-overs with traffic running."""

from __future__ import annotations

import os
import signal
import time

import pytest

from haproxy_fixtures import backends, executable  # noqa: F401
from haproxy_traffic import Load
from haproxy_worker import HaproxyFolder, get, tcp_app
from waiting import free_port, wait_for


@pytest.fixture
def haproxy(executable):
    """A manager that serves nothing yet."""
    with HaproxyFolder(executable) as folder:
        folder.start()
        yield folder


class Site:
    """An HTTP app and an echo app behind one manager."""

    def __init__(self, backends):
        self.backends = backends
        self.http, self.echo = free_port(), free_port()

    def apps(self, instances: int = 2, *more):
        """The state with that many HTTP instances."""
        return [
            tcp_app("/web", self.http, self.backends.http[:instances], proto="http"),
            tcp_app("/echo", self.echo, self.backends.echo),
            *more,
        ]


@pytest.fixture
def site(haproxy, backends):
    """Both apps served."""
    made = Site(backends)
    assert haproxy.apply(made.apps())[0] == "applied"
    wait_for("served", lambda: get(made.http)[0] == 200)
    return made


def check(load: Load) -> None:
    """No failure, and enough traffic to tell."""
    print(load.result)
    assert load.result.requests > 100
    assert not load.result.failures, load.result.failures[:10]


def test_scaling_needs_no_reload_and_loses_nothing(haproxy, site):
    """100 scale-ups and scale-downs."""
    before = haproxy.metric("reloads_total")
    with Load(site.http, site.echo) as load:
        for i in range(100):
            assert haproxy.apply(site.apps(1 + (i + 2) % 4)) == ("applied", "")
            time.sleep(0.03)
    check(load)
    assert haproxy.metric("reloads_total") == before
    assert haproxy.metric("runtime_failures_total") == 0


def test_reloads_lose_nothing(haproxy, site):
    """50 forced reloads: each adds or removes a frontend."""
    before = haproxy.metric("reloads_total")
    extra = free_port()
    with Load(site.http, site.echo) as load:
        for i in range(50):
            more = [tcp_app("/extra", extra, site.backends.echo)] if i % 2 == 0 else []
            assert haproxy.apply(site.apps(2, *more)) == ("applied", "")
            time.sleep(0.1)
    check(load)
    assert haproxy.metric("reloads_total") - before == 50
    wait_for("old processes ended", lambda: haproxy.metric("draining_processes") <= 5)


def test_a_killed_manager_is_replaced_without_a_trace(haproxy, site):
    """kill -9, a new manager takes the running HAProxy over."""
    with Load(site.http, site.echo) as load:
        for _ in range(3):
            before = haproxy.haproxy_pids()
            haproxy.kill()
            haproxy.start()
            assert haproxy.apply(site.apps()) == ("unchanged", "")
            assert haproxy.haproxy_pids() == before
            assert haproxy.apply(site.apps(3)) == ("applied", "")
            assert haproxy.apply(site.apps(2)) == ("applied", "")
            time.sleep(0.2)
    check(load)
    assert len(haproxy.haproxy_pids()) == 1
    assert haproxy.metric("reloads_total") == 0


def test_a_taken_port_disturbs_nobody(haproxy, site):
    """Another user's process has the port of a new app; it is served once the port is free."""
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        new = tcp_app("/new", port, site.backends.http, proto="http")
        with Load(site.http, site.echo) as load:
            for i in range(5):
                haproxy.apply(site.apps(2 + i % 2, new))
                time.sleep(0.2)
            assert [r for r in haproxy.report().refusals if r[0] == "/new"]
        check(load)
    wait_for("served once it is free", lambda: get(port)[0] == 200)
    assert not haproxy.report().refusals


def test_a_crashed_haproxy_comes_back_at_once(haproxy, site):
    """The last good configuration again, without a snapshot."""
    (pid,) = haproxy.haproxy_pids()
    os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    wait_for("served again", lambda: get(site.http)[0] == 200)
    print(f"served again after {time.monotonic() - started:.3f} s")
    wait_for("one process", lambda: len(haproxy.haproxy_pids()) == 1)
    assert haproxy.metric("crashes_total") == 1
    assert haproxy.apply(site.apps(3)) == ("applied", "")
    assert haproxy.metric("reloads_total") == 0
