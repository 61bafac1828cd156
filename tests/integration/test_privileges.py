# SPDX-License-Identifier: MIT
# /proc of every process shows the privileges that mmsd promises.
"""Ids, groups, capabilities, no_new_privs, seccomp and open descriptors of real processes."""

from __future__ import annotations

import grp
import os
import pathlib
import pwd
import stat

import pytest
from mmsd_harness import PROCESSES, user_of
from waiting import wait_for


def proc_status(pid: int) -> dict[str, str]:
    """/proc/PID/status as a dictionary."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: value.strip() for key, _, value in (l.partition(":") for l in text.splitlines())}


def descriptors(pid: int) -> dict[int, str]:
    """Open descriptors and what they are, without the one that coverage is counted in."""
    folder = f"/proc/{pid}/fd"
    found = {int(name): os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
    return {fd: target for fd, target in found.items() if not target.endswith(".profraw")}


@pytest.fixture
def running(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    return mmsd


def check_drop(pid: int, user: str) -> None:
    status = proc_status(pid)
    entry = pwd.getpwnam(user)
    assert status["Uid"].split() == [str(entry.pw_uid)] * 4
    assert status["Gid"].split() == [str(entry.pw_gid)] * 4
    assert status["Groups"] == ""
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[key], 16) == 0, key
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["Seccomp_filters"]) >= 1


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_every_process_is_caged(running, name):
    user = user_of(name)
    assert pwd.getpwnam(user).pw_gid == grp.getgrnam("mmsd").gr_gid
    pid = running.pid(name)
    check_drop(pid, user)
    # Not dumpable: /proc/PID belongs to root, so no process of the same user can look in.
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    assert proc_status(pid)["PPid"] == str(running.process.pid)
    assert os.getsid(pid) == pid


@pytest.mark.parametrize("name", sorted(PROCESSES))
def test_only_the_promised_descriptors_are_inherited(running, name):
    found = descriptors(running.pid(name))
    assert found[0] == "/dev/null"
    assert found[2] == str(running.log_path)
    assert found[3].startswith("socket:")
    sockets = {target for target in found.values() if target.startswith("socket:")}
    if name == "confd-writer":
        assert sockets == {found[3]}
    supervisor = set(descriptors(running.process.pid).values())
    shared = {target for target in sockets if target in supervisor}
    assert len(shared) == (1 if name == "api-server" else 0)  # the listener


def test_no_descriptor_of_the_supervisor_survives_an_exec(running):
    pid = running.process.pid
    for fd, target in descriptors(pid).items():
        info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
        flags = int(next(l for l in info.splitlines() if l.startswith("flags:")).split()[1], 8)
        assert fd <= 2 or flags & os.O_CLOEXEC, f"{fd} ({target})"


def test_supervisor_is_root_and_links_nothing_that_speaks(running):
    if os.environ.get("MMSD_SANITIZER", "none") != "none":
        pytest.skip("a sanitizer's run-time links the resolver")
    pid = running.process.pid
    assert proc_status(pid)["Uid"].split() == ["0"] * 4
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    for library in ("libcurl", "libldns", "libseccomp", "libssl", "libcrypto", "libresolv"):
        assert library not in maps


def test_names_and_pid_files(running):
    for name, pid in running.pids().items():
        if name == "mmsd":
            continue
        comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        assert comm.startswith("mmsd-") and user_of(name) == comm


def test_folders(running):
    def look(name: str) -> tuple[str, int]:
        found = (running.state / name).stat()
        return pwd.getpwuid(found.st_uid).pw_name, stat.S_IMODE(found.st_mode)

    assert look(".") == ("root", 0o755)
    assert look("pids") == ("root", 0o755)
    assert look("confd") == (user_of("confd-writer"), 0o755)
    assert look("watcher") == (user_of("marathon-watcher"), 0o700)


def test_no_environment_leaks(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double)
    mmsd.environment = {"SECRET_OF_ROOT": "x", "LD_BIND_NOW": "1"}
    mmsd.start()
    for name in PROCESSES:
        pid = wait_for("pid", lambda name=name: mmsd.pid(name))
        assert b"SECRET_OF_ROOT" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


def test_run_as_one_user(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double, "--run-as=nobody").start()
    expect_state(mmsd, double)
    for name in PROCESSES:
        check_drop(mmsd.pid(name), "nobody")
