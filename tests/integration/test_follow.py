# SPDX-License-Identifier: MIT
# Every kind of change in Marathon reaches files and API, whatever Marathon's generation.
"""Following Marathon: scaling, health, removal, labels, deployments, network modes."""

from __future__ import annotations

import pytest
from waiting import wait_for

GENERATIONS = ("0.11", "1.4", "1.5", "1.8")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_change_is_followed(make_double, make_mmsd, expect_state, generation):
    double = make_double(generation)
    double.add_app("/shop/web", instances=3, ports=2, health_checks=1, network="bridge")
    double.add_app("/shop/db", instances=1)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)

    double.scale("/shop/web", 7)
    expect_state(mmsd, double)
    double.scale("/shop/web", 2)
    expect_state(mmsd, double)

    double.set_health("/shop/web", 0, False)
    expect_state(mmsd, double)
    double.set_health("/shop/web", 0, True)
    expect_state(mmsd, double)

    double.relabel("/shop/web", {"proto": "smtp"})
    expect_state(mmsd, double)
    if generation != "0.11":
        double.relabel("/shop/web", {"proto": "redis"}, port_index=1)
        expect_state(mmsd, double)

    double.kill_task("/shop/db")
    expect_state(mmsd, double)
    double.deploy("/shop/web", labels={"proto": "http"})
    expect_state(mmsd, double)

    double.add_app("/new/app", instances=2, health_checks=2)
    expect_state(mmsd, double)
    double.scale("/shop/db", 0)
    expect_state(mmsd, double)
    double.remove_app("/shop/web")
    expect_state(mmsd, double)
    assert "shop.db.instances" in mmsd.files()
    assert not any(name.startswith("shop.web") for name in mmsd.files())


def test_rolling_deployment_step_by_step(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    double.add_app("/web", instances=4, health_checks=1)
    mmsd = make_mmsd(double).start()
    double.set_step_delay(0.02)
    double.deploy("/web", labels={"colour": "green"})
    expect_state(mmsd, double)


@pytest.mark.parametrize(
    "generation,network,ports",
    [
        ("0.11", "host", 2),
        ("1.1", "bridge", 2),
        ("1.4", "container", [{"host_port": None}, {"host_port": None}]),
        ("1.4", "ip-per-task", 2),
        ("1.5", "host", 0),
        ("1.5", "bridge", [{"protocol": "udp,tcp"}, {"protocol": "udp"}]),
        ("1.5", "container", [{"host_port": 0}, {"host_port": None}, {"host_port": 0}]),
        ("1.10", "bridge", 1),
    ],
)
def test_network_modes(make_double, make_mmsd, expect_state, generation, network, ports):
    double = make_double(generation)
    double.add_app("/net", instances=2, network=network, ports=ports, health_checks=1)
    double.add_app("/other")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)


def test_tasks_that_are_not_serving(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=3)
    mmsd = make_mmsd(double).start()
    for state in ("TASK_KILLING", "TASK_STAGING", "TASK_RUNNING"):
        double.set_state("/web", 1, state)
        expect_state(mmsd, double)


def test_unreachable_task_is_kept_for_a_while(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    double.add_app("/marker")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.get("/v1/instances/web").lines
    double.set_state("/web", 0, "TASK_UNREACHABLE")
    double.scale("/marker", 2)
    marker = sorted(f"{task.host}:{task.ports[0]}" for task in double.app("/marker").tasks)
    wait_for("later change", lambda: sorted(mmsd.get("/v1/instances/marker").lines) == marker)
    assert mmsd.get("/v1/instances/web").lines == before


def test_leader_change_empties_nothing(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=3, health_checks=1)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.files()
    fetches = double.counters["apps"]
    double.leader_change()
    wait_for("fetch after the leader change", lambda: double.counters["apps"] > fetches)
    double.add_app("/marker")
    wait_for("marker", lambda: mmsd.get("/v1/instances/marker").status == 200)
    after = mmsd.files()
    assert {name: after[name] for name in before} == before
    double.report_health()
    expect_state(mmsd, double)


def test_standby_that_redirects_or_proxies(make_double, make_mmsd, expect_state):
    for generation in ("1.4", "1.8"):
        leader = make_double(generation)
        leader.add_app("/web", instances=2)
        standby = make_double(generation, standby_for=leader.url)
        mmsd = make_mmsd(standby).start()
        expect_state(mmsd, leader)
        leader.scale("/web", 4)
        expect_state(mmsd, leader)
        assert mmsd.stop() == 0
