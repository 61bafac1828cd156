# SPDX-License-Identifier: MIT
# What happens when a process dies: it comes back with the current state, and nobody else notices.
"""Restarts of workers and watcher, and the death of the supervisor."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time

import pytest
from mmsd_harness import PROCESSES, processes_of
from waiting import wait_for


class HammeringClient:
    """Connects and asks all the time; counts refused and failed requests."""

    def __init__(self, mmsd) -> None:
        self._mmsd = mmsd
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.refused: list[str] = []
        self.answered = 0
        self.cut = 0

    def _run(self) -> None:
        while not self._is_over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._mmsd.api_port, timeout=20)
            try:
                connection.connect()
            except OSError as error:
                self.refused.append(repr(error))
                continue
            try:
                connection.request("GET", "/v1/apps")
                connection.getresponse().read()
                self.answered += 1
            except (OSError, http.client.HTTPException):
                # Accepted by the process that was then killed: that request is lost with it.
                self.cut += 1
            finally:
                connection.close()

    def __enter__(self) -> HammeringClient:
        self._thread.start()
        wait_for("first answer", lambda: self.answered)
        return self

    def __exit__(self, *_exception) -> None:
        self._is_over.set()
        self._thread.join()


def wait_for_new_pid(mmsd, name: str, old: int) -> int:
    return wait_for(
        f"a new {name}", lambda: (mmsd.pid(name) not in (0, old)) and mmsd.pid(name)
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["KILL", "TERM"])
@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_restart_with_current_state(make_double, make_mmsd, expect_state, name, number):
    double = make_double("1.5")
    double.add_app("/web", instances=3, health_checks=1)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.pids()
    generation = mmsd.get("/v1/apps").headers.get("Mmsd-Generation")
    with HammeringClient(mmsd) as client:
        old = mmsd.signal(name, number)
        if name == "confd-writer":
            # What changes meanwhile is not lost.
            double.scale("/web", 5)
        new = wait_for_new_pid(mmsd, name, old)
        wait_for("the old process to end", lambda: not os.path.exists(f"/proc/{old}"))
        if name != "confd-writer":
            double.scale("/web", 5)
        expect_state(mmsd, double)
        answered = client.answered
        wait_for("answers after it", lambda: client.answered > answered + 10)
    assert client.refused == []
    assert client.cut <= 1
    assert mmsd.pids() == {**before, name: new}
    assert mmsd.get("/v1/apps").headers.get("Mmsd-Generation") != generation
    assert len(processes_of(mmsd.executables)) == 1 + len(PROCESSES)


def test_second_crash_backs_off(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    old = mmsd.signal("confd-writer", signal.SIGKILL)
    first = wait_for_new_pid(mmsd, "confd-writer", old)
    expect_state(mmsd, double)
    mmsd.signal("confd-writer", signal.SIGKILL)
    killed = time.monotonic()
    wait_for_new_pid(mmsd, "confd-writer", first)
    assert time.monotonic() - killed > 0.4
    expect_state(mmsd, double)


def test_watcher_restart_changes_no_file(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=3, health_checks=1)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    inode = (mmsd.confd / "web.instances").stat().st_ino
    double.pause()
    old = mmsd.signal("marathon-watcher", signal.SIGKILL)
    wait_for_new_pid(mmsd, "marathon-watcher", old)
    # Marathon is away, yet nothing is emptied.
    assert mmsd.get("/v1/instances/web").status == 200
    double.resume()
    double.add_app("/marker")
    expect_state(mmsd, double)
    assert (mmsd.confd / "web.instances").stat().st_ino == inode


def test_hung_worker_is_replaced(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    old = mmsd.signal("confd-writer", signal.SIGSTOP)
    double.scale("/web", 4)
    wait_for(
        "the watchdog to act", lambda: mmsd.pid("confd-writer") not in (0, old), timeout=25
    )
    expect_state(mmsd, double)


def test_death_of_the_supervisor_ends_everything(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    assert len(processes_of(mmsd.executables)) == 1 + len(PROCESSES)
    mmsd.process.kill()
    mmsd.process.wait()
    wait_for("all processes to end", lambda: not processes_of(mmsd.executables), timeout=5)


def test_reapply_by_hangup(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    before = mmsd.pids()
    (mmsd.confd / "web.instances").unlink()
    mmsd.signal("confd-writer", signal.SIGHUP)
    expect_state(mmsd, double)
    fetches = double.counters["apps"]
    mmsd.signal("marathon-watcher", signal.SIGHUP)
    wait_for("a full fetch", lambda: double.counters["apps"] > fetches)
    assert mmsd.pids() == before


def test_restart_of_mmsd_keeps_the_last_state(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=3)
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    snapshot = mmsd.state / "watcher" / "snapshot.bin"
    wait_for("snapshot on disk", snapshot.exists)
    assert mmsd.stop() == 0
    double.pause()
    mmsd.remove_files()
    mmsd.start()
    expect_state(mmsd, double)
    double.resume()
    double.scale("/web", 5)
    expect_state(mmsd, double)
