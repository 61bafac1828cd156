# SPDX-License-Identifier: MIT
# Processes that end, hang or break the protocol: they come back, and nobody else notices.
"""Restarts by the supervisor, over fake processes."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest
from mmsd_harness import PROCESSES
from waiting import wait_for


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_one_process_ends(mmsd, process, number):
    before = mmsd.start().pids()
    old = mmsd.signal(process, number)
    new = mmsd.wait_new_pid(process, old)
    mmsd.wait_log(f"process ready process={process} child={new} ")
    assert "restart_in_ms=0" in mmsd.find_all(f"process ended process={process}")[0]
    if process == "marathon-watcher":
        # It continues above what is known, and everybody gets the new state.
        mmsd.wait_log("fake marathon-watcher: hello level=2 last=1 ")
        mmsd.wait_log("fake (confd-writer|api-server): snapshot 2$", 2)
    else:
        mmsd.wait_log(f"fake {process}: snapshot 1$", 2)
    assert mmsd.pids() == {**before, process: new}


def test_operator_may_do_it_again_and_again(mmsd):
    mmsd.start()
    for count in range(2, 7):
        old = mmsd.pid("confd-writer")
        mmsd.wait_log(f"process ready process=confd-writer child={old} ")
        time.sleep(0.06)  # longer than a run that counts as a crash, see leastCleanRun
        mmsd.signal("confd-writer", signal.SIGTERM)
        mmsd.wait_new_pid("confd-writer", old)
    ends = mmsd.find_all("process ended process=confd-writer")
    assert len(ends) == 5
    assert all("restart_in_ms=0" in line and "status 0" in line for line in ends)


def test_crashes_back_off(mmsd):
    mmsd.behave("confd-writer", "exit-71-after-ready")
    mmsd.launch()
    mmsd.wait_log("process ended process=confd-writer", 5)
    delays = [line.rpartition("restart_in_ms=")[2] for line in
              mmsd.find_all("process ended process=confd-writer")]
    assert delays[:5] == ["0", "400", "800", "1600", "1600"]
    assert mmsd.process.poll() is None
    # A process that ends well, but at once, must not spin either.
    mmsd.behave("confd-writer", "exit-0-after-ready")
    mmsd.wait_log("process ended process=confd-writer.*status 0.*restart_in_ms=1600")


def test_start_that_fails_later_only_backs_off(mmsd):
    mmsd.start()
    mmsd.behave("confd-writer", "exit-78")
    mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_log("process ended process=confd-writer.*status 78.*restart_in_ms", 2)
    program = mmsd.executables / "mmsd-confd-writer"
    kept = program.rename(mmsd.executables / "kept")
    mmsd.wait_log("process ended process=confd-writer.*cannot execute: No such file")
    kept.rename(program)
    mmsd.behave("confd-writer")
    mmsd.wait_log("fake confd-writer: snapshot 1$", 2)


# What a process that was taken over may try → why it is ended.
_BREACHES = {
    "hang": "no answer to a ping within 700ms",
    "speak-out-of-turn": "Hello is not for this peer to send",
    "garbage": "",
    "flood-status": "",
    "flood-politely": "floods",
    "unknown-type": "",
    "flags": "",
    "long-frame": "",
    "half-frame": "no answer to a ping within 700ms",
    "half-frame-and-end": "",  # what was sent of it is dropped with the connection
    "half-header-and-end": "",
    "ready-again": "Ready is not allowed",
    "pong-unasked": "Pong without a Ping",
    "short-pong": "",
    "control-with-generation": "Status has the wrong generation 1",
}
_BREACHES_OF_WORKERS = {
    "applied-what-was-not-sent": "acknowledged snapshot 4711 was not the last one sent",
    "publish-as-worker": "SnapshotEnd is not for this peer to send",
}
_BREACHES_OF_THE_SOURCE = {
    "publish-without-begin": "SnapshotEnd is not allowed",
    "replay": "SnapshotBegin has the wrong generation",
    "other-state-again": "snapshot is another one than before",
    "change-of-another-state": "does not follow",
    "endless-changes": "does not follow",
    "jump": "does not follow",
    "too-few": "snapshot does not have what it announced",
    "too-many": "snapshot is larger than announced or allowed",
    "applied-what-was-not-sent": "SnapshotApplied is not for this peer to send",
    "endless-snapshot": "",
}


@pytest.mark.parametrize(
    "process,behaviour,reason",
    [
        (process, behaviour, reason)
        for process, own in (("confd-writer", _BREACHES_OF_WORKERS),
                             ("marathon-watcher", _BREACHES_OF_THE_SOURCE))
        for behaviour, reason in {**_BREACHES, **own}.items()
    ],
)
def test_misbehaviour_ends_that_process_only(mmsd, process, behaviour, reason):
    mmsd.behave(process, behaviour)
    mmsd.launch()
    mmsd.wait_log(f"process (is killed|ended) process={process} .*{reason}", timeout=30)
    mmsd.behave(process)
    mmsd.wait_log("Z info mmsd.*: ready ")
    killed = mmsd.find_all("process (is killed|ended)")
    assert killed and all(f"process={process}" in line for line in killed)
    if os.environ.get("MMSD_SANITIZER", "none") != "none":
        return
    # Root's memory stays small whatever it is sent: what a snapshot may have is the largest.
    limit = 300_000 if behaviour == "endless-snapshot" else 60_000
    with open(f"/proc/{mmsd.process.pid}/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < limit, "kB"


def test_a_snapshot_that_is_never_answered_ends_the_worker(mmsd):
    """It answers pings, but would serve an old state for ever."""
    mmsd.behave("confd-writer", "no-acknowledgement")
    mmsd.launch()
    mmsd.wait_log("process is killed process=confd-writer .*no answer to a snapshot within 10s",
                  timeout=40)
    mmsd.behave("confd-writer")
    mmsd.wait_log("Z info mmsd.*: ready ")
    killed = mmsd.find_all("process (is killed|ended)")
    assert killed and all("process=confd-writer" in line for line in killed)


def test_broken_snapshot_ends_the_watcher_and_is_not_relayed(mmsd):
    before = mmsd.start().pids()
    mmsd.behave("marathon-watcher", "bad-checksum")
    mmsd.signal("marathon-watcher", signal.SIGKILL)
    mmsd.wait_log("process is killed process=marathon-watcher .*wrong checksum")
    mmsd.behave("marathon-watcher")
    mmsd.wait_log("fake (confd-writer|api-server): snapshot 2$", 2)
    # Its number was never used up: the broken one had the same.
    assert len(mmsd.find_all("snapshot 2$")) == 2
    assert mmsd.pid("confd-writer") == before["confd-writer"]


def test_slow_worker_gets_the_latest_only(mmsd):
    mmsd.behave("confd-writer", "no-acknowledgement")
    mmsd.launch()
    mmsd.wait_log("fake api-server: snapshot 1$")
    for generation in range(2, 6):
        mmsd.signal("marathon-watcher", signal.SIGUSR1)
        mmsd.wait_log(f"fake api-server: snapshot {generation}$")
    assert mmsd.find_all("fake confd-writer: snapshot")[0].endswith("snapshot 1")
    assert len(mmsd.find_all("fake confd-writer: snapshot")) == 1
    mmsd.behave("confd-writer")
    mmsd.signal("confd-writer", signal.SIGTERM)
    mmsd.wait_log("fake confd-writer: snapshot", 2)
    assert mmsd.find_all("fake confd-writer: snapshot")[1].endswith("snapshot 5")


def test_listener_stays_open(mmsd):
    mmsd.start()
    mmsd.behave("api-server", "exit-71")  # so that it stays away for a while
    old = mmsd.signal("api-server", signal.SIGKILL)
    wait_for("it to be away", lambda: mmsd.pid("api-server") != old)
    for _ in range(5):
        socket.create_connection(("127.0.0.1", mmsd.api_port), timeout=1).close()


def test_channel_closed_but_process_stays(mmsd):
    """A process that ignores the end of its channel is killed after a grace period."""
    mmsd.behave("confd-writer", "speak-out-of-turn", "ignore-eof", "ignore-term")
    mmsd.launch()
    mmsd.wait_log("process is killed process=confd-writer")
    mmsd.behave("confd-writer")
    mmsd.wait_log("Z info mmsd.*: ready ")


def test_statuses_reach_the_api_server(mmsd):
    for process in PROCESSES:
        mmsd.behave(process, "report")
    mmsd.launch()
    for process in PROCESSES:
        mmsd.wait_log(f"fake api-server: status of {process} has ")
    mmsd.wait_log("fake api-server: processes .*confd-writer=running/1/0.*api-server=running/1/0")
    mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_log("fake api-server: processes .*confd-writer=running/1/1")
    mmsd.signal("api-server", signal.SIGTERM)
    # The new one learns all of it, though nothing has changed for the others.
    for process in ("marathon-watcher", "confd-writer"):
        mmsd.wait_log(f"fake api-server: status of {process} has ", 2)


def test_rejection_is_told_and_survived(mmsd):
    mmsd.behave("confd-writer", "reject")
    mmsd.start()
    mmsd.signal("mmsd", signal.SIGUSR1)
    mmsd.wait_log("process process=confd-writer.*generation=0.*do not like it")
    mmsd.behave("confd-writer")
    before = mmsd.pids()
    mmsd.signal("marathon-watcher", signal.SIGUSR1)
    mmsd.wait_log("snapshot rejected", 2)
    assert mmsd.pids() == before
