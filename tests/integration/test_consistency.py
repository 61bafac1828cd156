# SPDX-License-Identifier: MIT
# Whatever Marathon forgets, loses or floods: outputs stay right, and Marathon is spared.
"""Leader changes, lost events, storms of events, sudden emptiness."""

from __future__ import annotations

import time

from inotify import FolderWatch
from waiting import wait_for


def metric(mmsd, name: str) -> float:
    """The value of one of the watcher's metrics, summed over its labels; 0 if it is not there."""
    for process in mmsd.status()["processes"]:
        if process["name"] == "marathon-watcher":
            return sum(each["value"] for each in process.get("metrics", [])
                       if each["name"] == name)
    return 0


def test_leader_change_with_blank_health_removes_nothing(make_double, make_mmsd, expect_state):
    """Of 1000 apps × 3 not one file is touched, however often the thin answer is looked at."""
    double = make_double("1.8")
    double.generate(1000, 3)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double, timeout=60)
    before = mmsd.files()
    with FolderWatch(mmsd.confd) as watch:
        watch.changed(0)
        for _ in range(2):
            fetched = double.counters["apps"]
            double.leader_change()
            wait_for("a fetch behind the leader change", lambda: double.counters["apps"] > fetched)
            double.add_app("/marker")
            wait_for("a later change", lambda: mmsd.get("/v1/instances/marker").status == 200)
            double.remove_app("/marker")
            wait_for("its end", lambda: mmsd.get("/v1/instances/marker").status == 404)
        touched = set()
        while names := watch.changed(0.05):
            touched |= set(names)
        assert {name for name in touched if name.startswith("load.")} == set()
        assert mmsd.files() == before
        double.report_health()
        expect_state(mmsd, double, timeout=60)
        assert not {name for name in watch.changed(0) if name.startswith("load.")}
    assert metric(mmsd, "snapshots_held_total") == 0


def test_a_storm_of_events_costs_few_requests(make_double, make_mmsd, expect_state):
    """2000 events in 2 s over 500 apps: at most 50 requests, and right at the end."""
    double = make_double("1.8")
    double.generate(500, 2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double, timeout=60)

    def requests() -> int:
        return sum(double.counters[name] for name in ("apps", "app", "pods", "pod"))

    asked = requests()
    ids = [f"/load/team-{n % 100:02d}/service-{n:05d}" for n in range(500)]
    began = time.monotonic()
    for number in range(700):  # each health flip is three events
        double.set_health(ids[number % 500], number // 500, number % 3 > 0)
        wait = began + number * 2 / 700 - time.monotonic()
        if wait > 0:
            time.sleep(wait)
    lasted = time.monotonic() - began
    expect_state(mmsd, double, timeout=60)
    cost = requests() - asked
    print(f"\n2100 events in {lasted:.1f} s cost {cost} requests")
    assert cost <= 50 * max(1.0, lasted / 2), "a busy machine makes it a longer storm"


def test_lost_events_are_healed_counted_and_logged(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    for number in range(3):
        double.add_app(f"/app-{number}", instances=2)
    mmsd = make_mmsd(double, "--resync-interval=1s").start()
    expect_state(mmsd, double)
    double.drop_events()
    double.scale("/app-0", 6)
    double.scale("/app-1", 1)
    expect_state(mmsd, double)
    double.drop_events([])
    double.scale("/app-2", 3)  # which is told, and is no drift
    expect_state(mmsd, double)
    wait_for("the count", lambda: metric(mmsd, "drifted_apps_total") == 2)
    assert "drift: a resync found changes that no event told of" in mmsd.log
    assert metric(mmsd, "resyncs_total") >= 2


def test_sudden_emptiness_is_believed_after_a_second_look(make_double, make_mmsd, expect_state):
    double = make_double("1.8")
    double.generate(30, 2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.files()
    fetched = double.counters["apps"]
    double.add_fault("apps", "empty-list")
    double.close_streams()
    wait_for("the empty answer", lambda: double.counters["apps"] > fetched)
    wait_for("the report", lambda: metric(mmsd, "state_held") == 1)
    assert mmsd.files() == before
    assert metric(mmsd, "snapshots_held_total") == 1
    wait_for("the second look to be believed", lambda: not mmsd.files(), timeout=30)
    assert double.counters["apps"] - fetched <= 4
    double.clear_faults()
    double.close_streams()
    expect_state(mmsd, double, timeout=30)
