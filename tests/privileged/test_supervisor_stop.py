# SPDX-License-Identifier: MIT
# The end of the supervisor, wanted or not, and the signals that must not end it.
"""Stop and signals of the supervisor, over fake processes."""

from __future__ import annotations

import signal
import time

import pytest
from mmsd_harness import PROCESSES, processes_of
from waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_orderly_stop(mmsd, notify, number):
    mmsd.start()
    mmsd.process.send_signal(number)
    assert mmsd.process.wait(timeout=10) == 0
    assert not processes_of(mmsd.executables)
    assert not list((mmsd.state / "pids").iterdir())
    assert "STOPPING=1" in notify.poll()
    # The watcher ends last.
    ends = mmsd.find_all("process ended")
    assert len(ends) == len(PROCESSES) and "marathon-watcher" in ends[-1]


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_process_that_does_not_want_to_end(mmsd, process):
    mmsd.behave(process, "ignore-term", "ignore-eof")
    mmsd.start()
    begin = time.monotonic()
    assert mmsd.stop() == 0
    assert time.monotonic() - begin < 5
    assert mmsd.find_all(f"process does not end.*{process}")
    assert not processes_of(mmsd.executables)


def test_second_signal_kills_at_once(mmsd):
    mmsd.behave("confd-writer", "ignore-term", "ignore-eof")
    mmsd.start()
    mmsd.process.send_signal(signal.SIGTERM)
    mmsd.wait_log(": stopping")
    mmsd.process.send_signal(signal.SIGTERM)
    assert mmsd.process.wait(timeout=10) == 0
    assert mmsd.find_all("asked to stop again")
    assert not mmsd.find_all("process does not end")


def test_stop_during_the_start(mmsd):
    mmsd.behave("confd-writer", "no-ready")
    mmsd.launch()
    mmsd.wait_log("fake confd-writer: hello")
    assert mmsd.stop() == 0
    assert not mmsd.find_all("cannot start")


def test_stop_during_a_back_off(mmsd):
    mmsd.start()
    mmsd.behave("confd-writer", "exit-71")
    mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_log("process ended process=confd-writer.*restart_in_ms=400")
    assert mmsd.stop() == 0


def test_death_of_the_supervisor_ends_everything(mmsd):
    """They see the end of their channel; those that do not look have HangAlarm."""
    mmsd.start()
    mmsd.process.kill()
    mmsd.process.wait()
    wait_for("all to end", lambda: not processes_of(mmsd.executables), timeout=5)
    # Pid files of the dead are no obstacle, and are gone with the next start.
    mmsd.config.write_text("enable-files = false\n")
    mmsd.log_path.unlink()
    mmsd.start()
    assert mmsd.pid("confd-writer") == 0


def test_one_line_per_process(mmsd):
    mmsd.start()
    mmsd.signal("mmsd", signal.SIGUSR1)
    mmsd.wait_log(": supervisor generation=1 source=connected")
    lines = mmsd.find_all(": process process=")
    assert len(lines) == len(PROCESSES)
    for name, line in zip(PROCESSES, lines):
        assert f"process={name} child={mmsd.pid(name)} phase=running " in line
        assert "age_ms=" in line and "restarts=0" in line


def test_other_signals_do_not_end_it(mmsd):
    before = mmsd.start().pids()
    mmsd.signal("mmsd", signal.SIGPIPE)
    mmsd.signal("mmsd", signal.SIGUSR1)
    mmsd.wait_log(": supervisor generation")
    assert mmsd.pids() == before
