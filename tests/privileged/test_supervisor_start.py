# SPDX-License-Identifier: MIT
# The start of the supervisor: what it prepares, what it refuses, when it calls itself ready.
"""Start of the supervisor over fake processes."""

from __future__ import annotations

import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess

import pytest
from mmsd_harness import PROCESSES, processes_of
from waiting import wait_for

USAGE, OPERATING_SYSTEM, PERMISSION, CONFIGURATION = 64, 71, 77, 78


def refused(mmsd, code: int, *words: str) -> None:
    """The start ends before any process is started, with one line that has all words."""
    ended = mmsd.run()
    assert ended.returncode == code, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert ended.stderr.startswith("mmsd: ")
    for word in words:
        assert word in ended.stderr
    assert not processes_of(mmsd.executables)


def fails(mmsd, code: int, *words: str) -> None:
    """The start ends because of a process; the log says which and why, and all others end."""
    ended = mmsd.run()
    assert ended.returncode == code, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if "cannot start" in line]
    assert len(lines) == 1, ended.stderr
    for word in words:
        assert word in lines[0]
    assert not processes_of(mmsd.executables)
    assert not list((mmsd.state / "pids").iterdir())


def test_everything_is_started(mmsd):
    mmsd.start()
    started = mmsd.find_all(": process started")
    assert "process=marathon-watcher" in started[0]
    assert len(started) == len(PROCESSES)
    for name in PROCESSES:
        pid = mmsd.pid(name)
        assert os.stat(f"/proc/{pid}").st_uid == pwd.getpwnam("nobody").pw_uid
        assert stat.S_IMODE((mmsd.state / "pids" / f"{name}.pid").stat().st_mode) == 0o644
    assert mmsd.find_all("fake api-server: hello .* 4=api-tcp .*--api-port=")
    assert not mmsd.find_all("fake confd-writer: hello .*--api-port=")
    assert len(mmsd.find_all("fake (confd-writer|api-server): snapshot 1$")) == 2


def test_folders_are_made(mmsd):
    mmsd.start()
    nobody = pwd.getpwnam("nobody")
    for name, owner, mode in (
        (".", 0, 0o755), ("pids", 0, 0o755), ("confd", nobody.pw_uid, 0o755),
        ("watcher", nobody.pw_uid, 0o700),
    ):
        found = (mmsd.state / name).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (owner, mode), name


@pytest.mark.parametrize(
    "behaviour,code,word",
    [
        ("exit-78", CONFIGURATION, "status 78"),
        ("exit-71", OPERATING_SYSTEM, "status 71"),
        ("exit-0", OPERATING_SYSTEM, "status 0"),
        ("other-version", CONFIGURATION, "mixed package versions"),
        ("no-ready", OPERATING_SYSTEM, "not ready within 1.5s"),
    ],
)
@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_process_that_does_not_become_ready(mmsd, process, behaviour, code, word):
    mmsd.behave(process, behaviour)
    fails(mmsd, code, process, word)


def test_file_that_is_no_program(mmsd):
    program = mmsd.executables / "mmsd-confd-writer"
    program.unlink()
    program.write_text("no program\n")
    program.chmod(0o755)
    fails(mmsd, OPERATING_SYSTEM, "confd-writer", "cannot execute: Exec format error")


def test_worker_folder_that_the_user_cannot_enter(mmsd):
    mmsd.executables.chmod(0o700)
    fails(mmsd, PERMISSION, "cannot execute: Permission denied")


def test_file_that_is_not_executable(mmsd):
    program = mmsd.executables / "mmsd-confd-writer"
    program.unlink()
    program.write_text("")
    refused(mmsd, CONFIGURATION, str(program), "confd-writer", "--worker-dir")
    # What is not enabled is not needed.
    mmsd.extra_arguments.append("--enable-files=false")
    mmsd.start()


def test_missing_users(make_mmsd):
    refused(make_mmsd("--run-as=mmsd-no-such-user"), CONFIGURATION,
            'user "mmsd-no-such-user" (for marathon-watcher) does not exist', "useradd")
    refused(make_mmsd("--run-as=root"), CONFIGURATION, '"root"')


def test_port_in_use(mmsd):
    with socket.create_server(("127.0.0.1", mmsd.api_port)):
        refused(mmsd, OPERATING_SYSTEM, f"127.0.0.1:{mmsd.api_port}", "in use")
    mmsd.start()


def test_low_port_without_root(make_mmsd):
    refused(make_mmsd("--api-port=81", user="nobody"), PERMISSION, "127.0.0.1:81", "need root")
    refused(make_mmsd("--run-as=daemon", user="nobody"), PERMISSION, "--run-as", "root")


def test_without_root(make_mmsd):
    mmsd = make_mmsd(user="nobody").start()
    # Not dumpable: /proc shows root as owner, and nobody else of that user can look in.
    assert os.stat(f"/proc/{mmsd.process.pid}/mem").st_uid == 0
    assert len(mmsd.find_all("root")) == 1
    assert all(mmsd.pids().values())
    assert mmsd.stop() == 0


def test_run_state_dir_that_others_can_write(mmsd):
    mmsd.state.mkdir()
    mmsd.state.chmod(0o777)
    refused(mmsd, PERMISSION, str(mmsd.state))
    mmsd.state.chmod(0o755)
    os.chown(mmsd.state, pwd.getpwnam("nobody").pw_uid, -1)
    refused(mmsd, PERMISSION, str(mmsd.state))


def test_links_are_not_followed(mmsd, tmp_path):
    mmsd.state.symlink_to(tmp_path)
    refused(mmsd, OPERATING_SYSTEM, str(mmsd.state))
    mmsd.state.unlink()
    mmsd.state.mkdir()
    (mmsd.state / "confd").symlink_to(tmp_path)
    refused(mmsd, OPERATING_SYSTEM, str(mmsd.state / "confd"))
    assert tmp_path.stat().st_uid == os.geteuid()


def test_folders_of_an_earlier_user_are_taken_over(mmsd):
    (mmsd.state / "confd").mkdir(parents=True)
    (mmsd.state / "confd").chmod(0o4777)
    mmsd.start()
    found = (mmsd.state / "confd").stat()
    assert found.st_uid == pwd.getpwnam("nobody").pw_uid
    assert stat.S_IMODE(found.st_mode) == 0o755


def test_second_mmsd_in_the_same_folder(mmsd, make_mmsd):
    before = mmsd.start().pids()
    ended = make_mmsd(f"--run-state-dir={mmsd.state}").run()
    assert ended.returncode == OPERATING_SYSTEM and "in use by another mmsd" in ended.stderr
    assert mmsd.pids() == before


def test_ready_when_all_have_applied(mmsd, notify):
    mmsd.behave("confd-writer", "no-acknowledgement")
    mmsd.launch()
    mmsd.wait_log("fake confd-writer: snapshot 1")
    mmsd.wait_log("fake api-server: processes .*api-server=running/1")
    assert "READY=1" not in notify.poll()
    mmsd.behave("confd-writer")
    mmsd.signal("confd-writer", signal.SIGTERM)
    wait_for("READY=1", lambda: "READY=1" in notify.poll())
    status = "STATUS=connected to http://fake:8080, generation 1, 3/3 processes running"
    wait_for("the status", lambda: status in notify.poll())


def test_ready_without_marathon(mmsd, notify):
    mmsd.behave("marathon-watcher", "no-snapshot", "unreachable")
    mmsd.launch()
    wait_for("READY=1", lambda: "READY=1" in notify.poll())
    status = "STATUS=unreachable: nobody there, generation 0, 3/3 processes running"
    wait_for("the status", lambda: status in notify.poll())


def test_stale_snapshot_alone_is_not_ready(mmsd, notify):
    mmsd.behave("marathon-watcher", "no-source")
    mmsd.launch()
    wait_for("all to apply", lambda: any("generation 1, 3/3" in m for m in notify.poll()))
    assert "READY=1" not in notify.poll()


def test_rejected_snapshot_does_not_hold_the_start(mmsd, notify):
    mmsd.behave("confd-writer", "reject")
    mmsd.launch()
    wait_for("READY=1", lambda: "READY=1" in notify.poll())
    mmsd.wait_log("snapshot rejected.*do not like it")


def test_caller_that_left_us_a_mess(mmsd):
    """Closed standard descriptors, ignored SIGCHLD, blocked SIGTERM and SIGCHLD."""
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})\n"
        "os.close(0), os.close(1)\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    program = str(mmsd.executables / "mmsd")
    with open(mmsd.log_path, "ab") as log:
        mmsd.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", script, program, *mmsd.arguments], stderr=log
        )
    mmsd.wait_log("Z info mmsd.*: ready ")
    for name in PROCESSES:
        for fd in (0, 1):
            assert os.readlink(f"/proc/{mmsd.pid(name)}/fd/{fd}") == "/dev/null"
    old = mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_new_pid("confd-writer", old)
    mmsd.wait_log("killed by signal 9")
    assert mmsd.stop() == 0


def test_nothing_of_ours_leaks(mmsd):
    mmsd.environment = {"SECRET_OF_ROOT": "x", "LD_BIND_NOW": "1"}
    mmsd.start()
    status = pathlib.Path(f"/proc/{mmsd.process.pid}/status").read_text()
    assert "Umask:\t0022" in status
    environment = pathlib.Path(f"/proc/{mmsd.pid('api-server')}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PATH", b"LANG", b"TZ", b"JOURNAL_STREAM"}


class WithFewCapabilities:
    """Mixed into a supervisor's class: root as a service manager would cut it down."""

    kept = "chown,net_bind_service,setgid,setpcap,setuid"

    def command(self) -> list[str]:
        bounding = "-all," + ",".join(f"+{name}" for name in self.kept.split(","))
        command = super().command()
        return [command[0], f"--bounding-set={bounding}", *command[1:]]


def test_few_capabilities_are_enough(mmsd):
    mmsd.__class__ = type("Cut", (WithFewCapabilities, type(mmsd)), {})
    mmsd.start()
    old = mmsd.signal("confd-writer", signal.SIGKILL)
    mmsd.wait_new_pid("confd-writer", old)
    assert mmsd.stop() == 0
    # The folders now belong to others, and are found as they should be.
    mmsd.log_path.unlink()
    assert mmsd.start().stop() == 0


def test_without_the_right_to_drop_rights_nothing_runs(mmsd):
    kept = {"kept": "chown,setgid,setuid"}
    mmsd.__class__ = type("Cut", (WithFewCapabilities, type(mmsd)), kept)
    fails(mmsd, PERMISSION, "cannot drop privileges: drop the bounding set", "not permitted")


def test_more_capabilities_than_can_be_dropped(mmsd):
    kept = {"kept": "chown,setgid,setuid,sys_time"}
    mmsd.__class__ = type("Cut", (WithFewCapabilities, type(mmsd)), kept)
    ended = mmsd.run()
    assert ended.returncode == PERMISSION
    assert "mmsd: cannot drop capabilities; root needs CAP_SETPCAP for it" in ended.stderr
    assert not mmsd.find_all("process started") and not processes_of(mmsd.executables)
