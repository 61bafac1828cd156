# SPDX-License-Identifier: MIT
# The watcher's state on disk: it follows what changes, and what is torn costs only its end.
"""What <run-state-dir>/watcher/snapshot.bin holds, and what a start without Marathon makes of it."""

from __future__ import annotations

import pytest
from waiting import wait_for


@pytest.fixture
def cluster(make_double, make_mmsd, expect_state):
    """An mmsd with forty apps, whose state is on disk; and its double."""
    double = make_double("1.5")
    for number in range(40):
        double.add_app(f"/app-{number:02}", instances=2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    wait_for("the state on disk", state_file(mmsd).exists)
    return mmsd, double


def state_file(mmsd):
    return mmsd.state / "watcher" / "snapshot.bin"


def change_on_disk(mmsd, double, expect_state, instances: int) -> int:
    """Changes one app and waits until the file has it. @return octets that the file grew by"""
    before = state_file(mmsd).stat().st_size
    double.scale("/app-07", instances)
    expect_state(mmsd, double)
    wait_for("the change on disk", lambda: state_file(mmsd).stat().st_size != before)
    return state_file(mmsd).stat().st_size - before


def start_without_marathon(mmsd, double) -> None:
    """The files are what this start makes of the state on disk."""
    double.pause()
    mmsd.remove_files()
    mmsd.start()


def test_grows_by_what_changed(cluster, expect_state):
    mmsd, double = cluster
    whole, inode = state_file(mmsd).stat().st_size, state_file(mmsd).stat().st_ino
    for instances in (5, 1, 9):
        assert 0 < change_on_disk(mmsd, double, expect_state, instances) < whole / 4
    assert state_file(mmsd).stat().st_ino == inode
    assert mmsd.stop() == 0
    start_without_marathon(mmsd, double)
    expect_state(mmsd, double)
    assert "state on disk" not in mmsd.log
    double.resume()
    double.scale("/app-08", 4)
    expect_state(mmsd, double)


def test_what_is_torn_costs_only_its_end(cluster, expect_state):
    mmsd, double = cluster
    change_on_disk(mmsd, double, expect_state, 5)
    before = mmsd.files()
    change_on_disk(mmsd, double, expect_state, 9)
    assert mmsd.stop() == 0
    # As if the power had gone before the last octet was written.
    content = state_file(mmsd).read_bytes()
    state_file(mmsd).write_bytes(content[:-1])
    start_without_marathon(mmsd, double)
    wait_for("the state before", lambda: mmsd.files() == before)
    assert "the state on disk is older than the last one published" in mmsd.log
    double.resume()
    expect_state(mmsd, double)
    wait_for("a new file", lambda: state_file(mmsd).read_bytes()[: len(content) - 1] != content[:-1])
    assert mmsd.stop() == 0
    start_without_marathon(mmsd, double)
    expect_state(mmsd, double)


def test_what_was_deleted_is_written_anew(cluster, expect_state):
    mmsd, double = cluster
    state_file(mmsd).unlink()
    double.scale("/app-07", 5)
    expect_state(mmsd, double)
    wait_for("a new file", state_file(mmsd).exists, 60)
    assert mmsd.stop() == 0
    start_without_marathon(mmsd, double)
    expect_state(mmsd, double)
