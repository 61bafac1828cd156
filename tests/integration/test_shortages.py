# SPDX-License-Identifier: MIT
# When the machine runs out of something: said clearly, nothing lost, well again when it is over.
"""Disk full, read-only folder, no descriptors, no memory, interrupted calls, a jumping clock."""

from __future__ import annotations

import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess

import expected_state
import pytest
from mmsd_harness import OPTIONAL_PROCESSES, PROCESSES
from waiting import wait_for

ALL = {**PROCESSES, **OPTIONAL_PROCESSES}
RECOVERY = 90.0  # the longest pause between two attempts is 30 s


def mount_small_disk(folder: pathlib.Path, access: str) -> None:
    """A file system of 1 MB; access: rw or ro."""
    options = f"{access},size=1m,mode=0755"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "mmsd-test", folder],
                      check=False).returncode != 0:
        pytest.skip("cannot mount a tmpfs here")


@pytest.fixture
def small_disk(make_double, make_mmsd, expect_state):
    """An mmsd whose run-state-dir is a file system of 1 MB, and its double."""
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    mmsd = make_mmsd(double)
    mmsd.state.mkdir(mode=0o755)
    mount_small_disk(mmsd.state, "rw")
    try:
        mmsd.start()
        expect_state(mmsd, double)
        yield mmsd, double
        mmsd.stop()
    finally:
        subprocess.run(["umount", "-l", mmsd.state], check=True)


def restarts(mmsd) -> dict[str, int]:
    return {process["name"]: process["restarts"] for process in mmsd.status()["processes"]}


def fill(folder: pathlib.Path) -> pathlib.Path:
    """Takes all the room that there is."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return filler


def expect_served(mmsd, name: str, count: int) -> None:
    """The API, which needs no disk, knows so many instances."""
    wait_for(f"{count} instances", lambda: len(mmsd.get(f"/v1/instances{name}").lines) == count)


def test_full_disk(small_disk, expect_state):
    mmsd, double = small_disk
    wait_for("the state on disk", (mmsd.state / "watcher/snapshot.bin").exists)
    kept = (mmsd.state / "watcher/snapshot.bin").read_bytes()
    before, pids = mmsd.files(), mmsd.pids()
    filler = fill(mmsd.state)
    double.scale("/web", 7)
    expect_served(mmsd, "/web", 7)
    wait_for("reports", lambda: mmsd.log.count("No space left on device") >= 2)
    assert re.search("error mmsd-confd-writer.* files cannot be written, will be retried.*"
                     "No space left", mmsd.log)
    assert re.search("warning mmsd-marathon-watcher.* cannot keep the state on disk, will be retried.*No space left",
                     mmsd.log)
    assert mmsd.files() == before, "a file was touched that could not be written as a whole"
    assert (mmsd.state / "watcher/snapshot.bin").read_bytes() == kept
    filler.unlink()
    # Nothing else has to happen for both to be right again.
    expect_state(mmsd, double, timeout=RECOVERY)
    wait_for("the new state on disk",
             lambda: (mmsd.state / "watcher/snapshot.bin").read_bytes() != kept, RECOVERY)
    assert "all files written after failures" in mmsd.log
    assert mmsd.pids() == pids and not any(restarts(mmsd).values())


def test_full_disk_cuts_the_state_short(small_disk, expect_state):
    """What was written in part is no part of the state, and is replaced when there is room."""
    mmsd, double = small_disk
    for number in range(30):
        double.add_app(f"/app-{number:02}", instances=2)
    expect_state(mmsd, double)
    wait_for("all of it on disk", lambda: b"/app-29" in (mmsd.state / "watcher/snapshot.bin").read_bytes())
    filler = fill(mmsd.state)
    # Several pages: what fits into the last one of the file is not enough.
    for number in range(20):
        double.scale(f"/app-{number:02}", 12)
    expect_served(mmsd, "/app-19", 12)
    wait_for("the report", lambda: "cannot keep the state on disk, will be retried" in mmsd.log, RECOVERY)
    filler.unlink()
    wait_for("the state on disk", lambda: "the state on disk is kept again" in mmsd.log, RECOVERY)
    expect_state(mmsd, double, timeout=RECOVERY)
    assert mmsd.stop() == 0
    double.pause()
    mmsd.remove_files()
    mmsd.start()
    expect_state(mmsd, double)


def test_full_disk_at_a_restart(small_disk, expect_state):
    """A process that starts while nothing can be written does its work all the same."""
    mmsd, double = small_disk
    filler = fill(mmsd.state)
    for name in ("marathon-watcher", "api-server", "confd-writer"):
        # Its pid file may be missing: nothing can be written.
        pid = wait_for("its pid", lambda name=name: running(mmsd).get(name))
        os.kill(pid, signal.SIGKILL)
        wait_for("a restart", lambda name=name, pid=pid: running(mmsd).get(name, pid) != pid)
    double.scale("/web", 4)
    expect_served(mmsd, "/web", 4)
    filler.unlink()
    expect_state(mmsd, double, timeout=RECOVERY)
    wait_for("right pid files", lambda: {name: mmsd.pid(name) for name in PROCESSES} ==
             running(mmsd), RECOVERY)


def running(mmsd) -> dict[str, int]:
    """pid by name, as the API tells it; nothing while it is being restarted."""
    try:
        return {p["name"]: p["pid"] for p in mmsd.status()["processes"] if p["pid"]}
    except (OSError, http.client.HTTPException):
        return {}


def test_read_only_disk(small_disk, expect_state):
    mmsd, double = small_disk
    before, pids = mmsd.files(), mmsd.pids()
    subprocess.run(["mount", "-o", "remount,ro", mmsd.state], check=True)
    double.scale("/web", 5)
    expect_served(mmsd, "/web", 5)
    wait_for("a report", lambda: re.search("error mmsd-confd-writer.*Read-only", mmsd.log))
    assert mmsd.files() == before
    subprocess.run(["mount", "-o", "remount,rw", mmsd.state], check=True)
    expect_state(mmsd, double, timeout=RECOVERY)
    assert mmsd.pids() == pids and not any(restarts(mmsd).values())


def test_read_only_disk_at_the_start(make_mmsd):
    mmsd = make_mmsd()
    mmsd.state.mkdir(mode=0o755)
    mount_small_disk(mmsd.state, "ro")
    try:
        result = mmsd.run()
    finally:
        subprocess.run(["umount", "-l", mmsd.state], check=True)
    assert result.returncode in (71, 77)
    assert f"make {mmsd.state}/pids: Read-only file system" in result.stderr


def test_no_descriptors_left(make_double, make_mmsd, expect_state):
    """More clients than descriptors: some are turned away, the state is followed on."""
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    mmsd = make_mmsd(double)
    limit = 64
    mmsd.wrapper = ["prlimit", f"--nofile={limit}:{limit}"]
    mmsd.start()
    expect_state(mmsd, double)
    pids = mmsd.pids()
    clients = []
    try:
        for _ in range(4 * limit):
            client = socket.socket()
            clients.append(client)
            client.settimeout(1.0)
            client.connect(("127.0.0.1", mmsd.api_port))
    except OSError:
        pass  # the queue of the listener is full, too
    assert len(clients) > limit
    double.scale("/web", 6)
    wait_for("the files", lambda: mmsd.files() == expected_state.files(
        double.server.generation, list(double.server.operations.apps.values())))
    for client in clients:
        client.close()
    expect_state(mmsd, double, timeout=RECOVERY)
    assert mmsd.pids() == pids and not any(restarts(mmsd).values())


@pytest.mark.parametrize("name", ["confd-writer", "api-server"])
def test_no_memory_left(make_double, make_mmsd, expect_state, name):
    """One process cannot have the memory that it needs: it alone suffers, and it recovers."""
    if os.environ.get("MMSD_SANITIZER", "none") != "none":
        pytest.skip("a sanitizer needs more address space than any limit leaves")
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    mmsd = make_mmsd(double)
    wrap(mmsd, lambda executable: f'exec {executable} "$@"')
    mmsd.start()
    expect_state(mmsd, double)
    pids = mmsd.pids()
    kilobytes = int(pathlib.Path(f"/proc/{pids[name]}/statm").read_text().split()[0]) * 4
    # From its next start on: as much as it had, and too little for what comes.
    wrap(mmsd, lambda executable: f'ulimit -v {kilobytes + 1024}\nexec {executable} "$@"', name)
    mmsd.signal(name, signal.SIGTERM)
    limited = wait_for("a new process", lambda: mmsd.pid(name) not in (0, pids[name]) and
                       mmsd.pid(name))
    for number in range(100):
        double.add_app(f"/many/{number}", instances=50)
    wait_for("its end", lambda: mmsd.pid(name) not in (0, limited), RECOVERY)
    assert re.search("out of memory|bad_alloc", mmsd.log)
    others = {key: pid for key, pid in mmsd.pids().items() if key != name}
    assert others == {key: pid for key, pid in pids.items() if key != name}
    wrap(mmsd, lambda executable: f'exec {executable} "$@"', name)
    expect_state(mmsd, double, timeout=RECOVERY)


def wrap(mmsd, script, name: str | None = None) -> pathlib.Path:
    """Has mmsd start a shell script for each process, or for that of the name.

    @script: its text, from the path of the executable
    @return the folder of the scripts"""
    folder = mmsd.folder / "bin"
    if not folder.exists():
        folder.mkdir(mode=0o755)
        mmsd.extra_arguments.append(f"--worker-dir={folder}")
    for each, (_, executable) in ALL.items():
        if name in (None, each):
            path = pathlib.Path(executable).name
            new = folder / f"{path}.new"
            new.write_text(f"#!/bin/sh\n{script(mmsd.executables / path)}\n")
            new.chmod(0o755)
            new.rename(folder / path)
    return folder


def preloaded(mmsd, library: str, **variables: str) -> None:
    """Has mmsd and all its processes start with a library of ours in front of the C library."""
    path = os.environ.get(f"MMSD_PRELOAD_{library.upper()}")
    if not path:
        pytest.skip("the build has no preload libraries")
    if os.environ.get("MMSD_SANITIZER", "none") != "none":
        pytest.skip("a sanitizer wants to be the first library itself")
    copy = mmsd.folder / f"{library}.so"
    shutil.copyfile(path, copy)
    settings = " ".join(f"{key}={value}" for key, value in
                        {"LD_PRELOAD": copy, **variables}.items())
    wrap(mmsd, lambda executable: f'exec env {settings} {executable} "$@"')
    mmsd.environment |= {"LD_PRELOAD": str(copy), **variables}


def test_interrupted_and_short_calls(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    for number in range(20):
        double.add_app(f"/app/{number}", instances=10)
    mmsd = make_mmsd(double)
    preloaded(mmsd, "brittle")
    mmsd.start()
    expect_state(mmsd, double, timeout=RECOVERY)
    for number in range(20):
        double.scale(f"/app/{number}", number)
    expect_state(mmsd, double, timeout=RECOVERY)
    assert not any(restarts(mmsd).values())
    assert mmsd.stop() == 0


@pytest.mark.parametrize("seconds", [10 * 365 * 86400, -30 * 86400, 3600])
def test_the_wall_clock_jumps(make_double, make_mmsd, expect_state, seconds):
    double = make_double("1.5")
    double.add_app("/web", instances=3, health_checks=1)
    double.add_app("/db", instances=2)
    mmsd = make_mmsd(double, "--resync-interval=1s")
    clock = mmsd.folder / "clock"
    clock.write_bytes(struct.pack("=q", 0))
    clock.chmod(0o644)
    preloaded(mmsd, "clock", MMSD_CLOCK_OFFSET=str(clock))
    mmsd.start()
    expect_state(mmsd, double)
    pids, fetched = mmsd.pids(), double.counters["apps"]
    with open(clock, "r+b") as file:
        file.write(struct.pack("=q", seconds))
    wait_for("two more resyncs", lambda: double.counters["apps"] >= fetched + 2)
    expect_state(mmsd, double)
    double.scale("/db", 5)
    expect_state(mmsd, double)
    assert mmsd.pids() == pids and not any(restarts(mmsd).values())
