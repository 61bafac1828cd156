# SPDX-License-Identifier: MIT
# What the supervisor has given up, what its children inherit, and unusual places to run in.
"""The supervisor's own cage, containers, no /proc; over fake processes."""

from __future__ import annotations

import os
import pathlib
import pwd
import signal
import stat
import subprocess

import pytest
from mmsd_harness import processes_of
from waiting import wait_for

_SIGSYS = 31
# CHOWN 0, SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10: see daemon/README.md
_CAPABILITIES = f"{0b101_1100_0001:016x}"
_NONE = f"{0:016x}"

needs_filter = pytest.mark.skipif(
    os.environ.get("MMSD_SANITIZER", "none") != "none", reason="the filter only logs here"
)


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def assert_caged(pid: int) -> None:
    """Holds for a supervisor that runs as root."""
    status = status_of(pid)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert status[name] == _CAPABILITIES, name
    assert (status["CapInh"], status["CapAmb"]) == (_NONE, _NONE)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert limits.partition("Max core file size")[2].split()[:2] == ["0", "0"]
    # Not dumpable: nobody without CAP_SYS_PTRACE can look in, and no core is written.
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0


def test_root_keeps_five_capabilities_and_the_way_back_is_closed(mmsd):
    mmsd.start()
    assert_caged(mmsd.process.pid)
    filters = int(status_of(mmsd.process.pid)["Seccomp_filters"])
    for times in (1, 2):
        mmsd.signal("mmsd", signal.SIGUSR2)
        mmsd.wait_log("running in place of another version", times)
        mmsd.wait_log(": ready ", 1 + times)
    assert_caged(mmsd.process.pid)
    # One upgrade after the other must not pile them up.
    assert int(status_of(mmsd.process.pid)["Seccomp_filters"]) == filters


def test_what_is_left_is_enough_for_every_reload(mmsd):
    """Making a folder, giving it away, putting right one that is another user's, signals."""
    mmsd.config.write_text("enable-files = false\n")
    mmsd.start()
    mmsd.config.write_text("enable-files = true\n")
    mmsd.signal("mmsd", signal.SIGHUP)
    mmsd.wait_log("fake confd-writer: snapshot")
    nobody = pwd.getpwnam("nobody")
    for owner, mode in ((pwd.getpwnam("daemon").pw_uid, 0o700), (nobody.pw_uid, 0o000)):
        confd = mmsd.state / "confd"
        os.chown(confd, owner, nobody.pw_gid)
        confd.chmod(mode)
        reloads = len(mmsd.find_all("configuration read again"))
        mmsd.signal("mmsd", signal.SIGHUP)
        mmsd.wait_log("configuration read again", reloads + 1)
        found = confd.stat()
        assert (found.st_uid, found.st_gid) == (nobody.pw_uid, nobody.pw_gid)
        assert stat.S_IMODE(found.st_mode) == 0o755
    # Its owner may do the same at any time, but not stop an upgrade by it.
    confd.chmod(0o000)
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log("running in place of another version")
    mmsd.wait_log(": ready ", 2)
    assert stat.S_IMODE(confd.stat().st_mode) == 0o755
    old = mmsd.signal("confd-writer", signal.SIGSTOP)
    mmsd.wait_log("process is killed process=confd-writer")
    mmsd.wait_new_pid("confd-writer", old)
    assert mmsd.stop() == 0


@needs_filter
def test_children_inherit_the_filter(mmsd):
    mmsd.behave("confd-writer", "try-denied")
    mmsd.start()
    mmsd.wait_log("fake confd-writer: adjtimex gives ")
    results = mmsd.find_all("fake confd-writer: .* gives ")
    print("\n".join(results))
    assert len(results) == 10
    assert all(line.endswith(" gives Operation not permitted") for line in results), results


@needs_filter
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x32 is x86-64's")
def test_the_second_system_call_table_is_closed(mmsd):
    mmsd.start()
    mmsd.behave("confd-writer", "try-x32")
    mmsd.signal("confd-writer", signal.SIGTERM)
    mmsd.wait_log(f"process ended process=confd-writer.*killed by signal {_SIGSYS} ")
    mmsd.behave("confd-writer")
    mmsd.wait_log("fake confd-writer: snapshot", 2)


def test_as_process_1_it_reaps_what_others_leave_behind(mmsd):
    """As in a container. Pid files have the numbers of its namespace: signals go by /proc here."""

    class First(type(mmsd)):
        def command(self) -> list[str]:
            command = super().command()
            return [*command[:3], "unshare", "--pid", "--fork", "--kill-child", *command[3:]]

    def pid_of(name: str) -> int:
        pids = [pid for pid, exe in processes_of(mmsd.executables).items() if exe == name]
        return pids[0] if len(pids) == 1 else 0

    mmsd.__class__ = First
    mmsd.behave("confd-writer", "leave-orphan")
    mmsd.start()
    supervisor = pid_of("mmsd")
    assert status_of(supervisor)["NSpid"].split()[-1] == "1"
    orphans = [pid for pid, exe in processes_of(mmsd.executables).items()
               if exe == "mmsd-confd-writer" and status_of(pid)["PPid"] != str(supervisor)]
    assert len(orphans) == 1
    workers = {pid for pid in processes_of(mmsd.executables)} - set(orphans) - {supervisor}
    (parent,) = (pid for pid in workers if str(pid) == status_of(orphans[0])["PPid"])
    mmsd.behave("confd-writer")
    os.kill(parent, signal.SIGKILL)
    mmsd.wait_log("orphan ends")
    wait_for("it to be reaped", lambda: not pathlib.Path(f"/proc/{orphans[0]}").exists())
    mmsd.wait_log("process ready process=confd-writer", 2)
    assert len(mmsd.find_all("process ended")) == 1, "an orphan is none of its processes"
    # It is upgraded and stopped like anywhere else.
    os.kill(supervisor, signal.SIGUSR2)
    mmsd.wait_log("running in place of another version")
    mmsd.wait_log(": ready ", 2)
    assert pid_of("mmsd") == supervisor
    os.kill(supervisor, signal.SIGTERM)
    assert mmsd.process.wait(timeout=15) == 0


def test_without_proc(mmsd):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no private mounts here, as in a plain chroot")

    class Without(type(mmsd)):
        def command(self) -> list[str]:
            command = super().command()
            script = 'umount -l /proc && exec "$@"'
            return [*command[:3], "unshare", "--mount", "sh", "-c", script, "sh", *command[3:]]

    mmsd.__class__ = Without
    mmsd.start()
    old = mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_new_pid("confd-writer", old)
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log("cannot execute anew, this version goes on")
    assert mmsd.stop() == 0
