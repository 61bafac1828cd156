# SPDX-License-Identifier: MIT
# Everything switched on: one app of Marathon in HAProxy, gateway, DNS, file and API at once.
"""All workers under the real supervisor."""

from __future__ import annotations

import os
import pathlib
import signal

import pytest
from haproxy_traffic import Backends, Load
from waiting import wait_for

pytest.importorskip("dns")
from whole_cluster import (  # noqa: E402
    EVERY, Cluster, all_applied, has_applied, haproxies, is_routed, shows,
)

@pytest.fixture
def running(make_double, make_mmsd):
    """@return cluster, running mmsd that exposes it"""
    with Backends(http=4) as backends:
        double = make_double("1.8", hosts=["127.0.0.1"])
        cluster = Cluster(double, backends)
        mmsd = make_mmsd(double, *cluster.flags())
        mmsd.start()
        wait_for("the app behind HAProxy", lambda: is_routed(cluster.service_port))
        # It may serve a moment before its manager knows: a start under way ends with the manager.
        wait_for("all workers to have applied it", lambda: all_applied(mmsd))
        yield cluster, mmsd
        if mmsd.process.poll() is None:
            mmsd.stop()
        for pid in haproxies(mmsd):
            os.kill(pid, signal.SIGKILL)



def test_an_app_and_its_changes_are_everywhere(running):
    cluster, mmsd = running
    wait_for("two instances everywhere", lambda: shows(cluster, mmsd))
    (haproxy,) = haproxies(mmsd)
    cluster.grow()
    wait_for("three instances everywhere", lambda: shows(cluster, mmsd))
    cluster.double.scale("/shop/web", 1)
    wait_for("one instance everywhere", lambda: shows(cluster, mmsd))
    assert haproxies(mmsd) == [haproxy], "instances came and went without a reload"


def test_each_worker_restarts_under_load_and_no_request_fails(running):
    cluster, mmsd = running
    load = Load(cluster.service_port, rate=200, kept=10)
    with load:
        for name in EVERY:
            before = {each: mmsd.pid(each) for each in EVERY}
            os.kill(before[name], signal.SIGTERM)
            wait_for(f"a new {name}", lambda: mmsd.pid(name) not in (0, before[name]))
            if name != "api-server":
                wait_for(f"{name} to run", lambda: has_applied(mmsd, name))
            assert {each for each in EVERY if mmsd.pid(each) != before[each]} == {name}
    assert load.result.requests > 0
    assert not load.result.failures, load.result
    wait_for("the same state as before", lambda: shows(cluster, mmsd))
    assert len(haproxies(mmsd)) == 1


def test_supervisor_is_killed_and_started_again_under_load_and_no_request_fails(running):
    cluster, mmsd = running
    (haproxy,) = haproxies(mmsd)
    load = Load(cluster.service_port, rate=200, kept=10)
    with load:
        mmsd.process.kill()
        mmsd.process.wait()
        wait_for("the workers' end", lambda: not any(
            pathlib.Path(f"/proc/{mmsd.pid(name)}").exists() for name in EVERY if mmsd.pid(name)
        ))
        assert haproxies(mmsd) == [haproxy], "HAProxy serves on"
        mmsd.start()
        wait_for("everything as before", lambda: shows(cluster, mmsd))
    assert not load.result.failures, load.result
    assert haproxies(mmsd) == [haproxy], "taken over, not replaced"


def test_orderly_stop_ends_haproxy_too(running):
    _, mmsd = running
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))


def test_a_signal_to_all_processes_at_once_ends_haproxy_too(running):
    """As a service manager stops a service: each process hears of it, in any order."""
    _, mmsd = running
    for name in EVERY:
        os.kill(mmsd.pid(name), signal.SIGTERM)
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))


def test_a_stop_while_the_manager_waits_for_its_restart_ends_haproxy_too(running):
    _, mmsd = running
    for _ in range(2):  # the second crash in a row is the first one with a wait
        old = wait_for("the manager", lambda: mmsd.pid("haproxy-manager"))
        os.kill(old, signal.SIGKILL)
        wait_for("its end", lambda old=old: mmsd.pid("haproxy-manager") != old)
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))
