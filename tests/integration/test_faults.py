# SPDX-License-Identifier: MIT
# What Marathon does wrong changes nothing: the last good state stays, and mmsd finds back.
"""Faults of Marathon."""

from __future__ import annotations

import shutil

import pytest
from waiting import wait_for

ANSWERS = [
    ("status", {"code": 500}),
    ("status", {"code": 503}),
    ("garbage", {}),
    ("no-apps", {}),
    ("empty", {}),
    ("truncate", {}),
    ("chunk-cut", {}),
    ("reset", {}),
]


@pytest.fixture
def followed(make_double, make_mmsd, expect_state):
    """A double with 24 instances, and an mmsd that shows them."""
    double = make_double("1.5", heartbeat=0.2)
    double.add_app("/web", instances=20, health_checks=1)
    double.add_app("/db", instances=4)
    mmsd = make_mmsd(double, "--stall-timeout=1s").start()
    expect_state(mmsd, double)
    return double, mmsd


@pytest.mark.parametrize("kind,parameters", ANSWERS, ids=lambda value: str(value))
def test_wrong_answers_change_nothing(followed, expect_state, kind, parameters):
    double, mmsd = followed
    before, pids = mmsd.files(), mmsd.pids()
    for endpoint in ("apps", "app"):
        double.add_fault(endpoint, kind, **parameters)
    asked = double.counters["apps"] + double.counters["app"]
    double.emit("status_update_event", appId="/web", taskStatus="TASK_RUNNING")
    double.close_streams()
    wait_for(
        "wrong answers to be given",
        lambda: double.counters["apps"] + double.counters["app"] >= asked + 2,
    )
    assert mmsd.files() == before
    assert len(mmsd.get("/v1/instances/web").lines) == 20
    double.clear_faults()
    double.scale("/db", 6)
    expect_state(mmsd, double, timeout=30)
    assert mmsd.pids() == pids


def test_sudden_emptiness_is_not_believed_at_once(followed, expect_state):
    double, mmsd = followed
    double.add_fault("apps", "empty-list", count=1)
    fetched = double.counters["apps"]
    double.close_streams()
    wait_for("the empty answer", lambda: double.counters["apps"] > fetched)
    double.scale("/db", 5)
    wait_for("a later change", lambda: len(mmsd.get("/v1/instances/db").lines) == 5, timeout=30)
    assert len(mmsd.get("/v1/instances/web").lines) == 20
    expect_state(mmsd, double, timeout=30)


def test_silent_stream_is_replaced(followed, expect_state):
    double, mmsd = followed
    streams = double.counters["events"]
    double.silence_streams()
    double.scale("/db", 7)
    wait_for("a new stream", lambda: double.counters["events"] > streams)
    expect_state(mmsd, double)


def test_stream_that_closes_at_once_is_not_hammered(followed, expect_state):
    double, mmsd = followed
    double.add_fault("events", "close", count=5)
    asked = double.counters["events"]
    double.close_streams()
    wait_for("the fault to be over", lambda: double.counters["events"] >= asked + 6, timeout=60)
    double.scale("/db", 8)
    expect_state(mmsd, double)


def test_lost_events_are_caught_up_by_the_resync(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    mmsd = make_mmsd(double, "--resync-interval=1s").start()
    expect_state(mmsd, double)
    double.drop_events()
    double.scale("/web", 6)
    expect_state(mmsd, double)


def test_marathon_goes_and_comes_back(followed, expect_state):
    double, mmsd = followed
    before = mmsd.files()
    double.pause()
    assert mmsd.files() == before
    double.resume()
    double.scale("/web", 21)
    expect_state(mmsd, double, timeout=30)


def test_next_master_takes_over(make_double, make_mmsd, expect_state):
    first, second = make_double("1.5"), make_double("1.5")
    for double in (first, second):
        double.add_app("/web", instances=2)
    mmsd = make_mmsd(None, f"--marathon-url={first.url},{second.url}").start()
    used, other = (first, second) if first.open_streams else (second, first)
    expect_state(mmsd, used)
    used.pause()
    other.scale("/web", 5)
    expect_state(mmsd, other, timeout=30)


@pytest.mark.parametrize("secret", ["someone:secret-word", "token=secret-word"])
def test_credentials_from_a_file(make_double, make_mmsd, expect_state, secret):
    double = make_double("1.5", auth=secret)
    double.add_app("/web")
    mmsd = make_mmsd(double)
    credentials = mmsd.folder / "credentials"
    credentials.write_text(secret + "\n")
    shutil.chown(credentials, "mmsd-watcher")
    credentials.chmod(0o400)
    mmsd.extra_arguments += [f"--marathon-auth-file={credentials}", "-v"]
    mmsd.start()
    expect_state(mmsd, double)
    assert "secret-word" not in mmsd.log
    for pid in mmsd.pids().values():
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            assert b"secret-word" not in line.read()


def test_path_prefix_and_chunked_answers(make_double, make_mmsd, expect_state):
    double = make_double("1.5", prefix="/service/marathon", is_chunked=True)
    double.add_app("/web", instances=3)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
