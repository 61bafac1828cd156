# SPDX-License-Identifier: MIT
# SIGUSR2: the supervisor executes its own binary anew, or says why not and goes on.
"""Upgrade in place, over fake processes."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from mmsd_harness import OPTIONAL_PROCESSES, PROCESSES, processes_of
from waiting import free_port, wait_for

REFUSED = "error .*cannot execute anew, this version goes on"


def upgrade(mmsd, times: int = 1) -> dict[str, int]:
    """Sends SIGUSR2 and waits until all processes are new and have acknowledged. @return pids"""
    before = mmsd.pids()
    readies = len(mmsd.find_all(": ready "))
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log(": running in place of another version", times)
    mmsd.wait_log(": ready ", readies + 1)
    after = mmsd.pids()
    assert after["mmsd"] == before["mmsd"]
    assert all(after[name] not in (0, before[name]) for name in PROCESSES)
    return after


def replace_binary(mmsd, content: pathlib.Path | None = None) -> pathlib.Path:
    """Puts another file where the binary is, as a package upgrade does. @return its path"""
    binary = mmsd.executables / "mmsd"
    new = binary.with_suffix(".new")
    shutil.copyfile(content or binary, new)
    new.chmod(0o755)
    new.rename(binary)
    return binary


class Knocking:
    """Connects all the time and counts what is refused."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.connected = 0
        self.refused: list[str] = []

    def _run(self) -> None:
        while not self._is_over.wait(0.002):
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
                self.connected += 1
            except OSError as error:
                self.refused.append(repr(error))

    def __enter__(self) -> Knocking:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._is_over.set()
        self._thread.join()


def descriptors(pid: int) -> list[str]:
    """What a process has open, without the numbers of sockets."""
    folder = pathlib.Path(f"/proc/{pid}/fd")
    targets = [os.readlink(entry).split(":")[0] for entry in folder.iterdir()]
    return sorted(target for target in targets if not target.endswith(".profraw"))  # coverage


def test_everything_is_replaced_but_the_supervisor(mmsd, notify):
    mmsd.start()
    command = pathlib.Path(f"/proc/{mmsd.process.pid}/cmdline").read_bytes()
    told = len(notify.poll())
    with Knocking(mmsd.api_port) as knocking:
        new = replace_binary(mmsd)
        upgrade(mmsd)
        upgrade(mmsd, 2)
        wait_for("connections", lambda: knocking.connected > 10)
    assert not knocking.refused
    assert os.stat(f"/proc/{mmsd.process.pid}/exe").st_ino == new.stat().st_ino
    assert pathlib.Path(f"/proc/{mmsd.process.pid}/cmdline").read_bytes() == command
    # Replaced, not ended for good.
    assert not mmsd.find_all("fake .*: shutdown")
    for generation, last in ((1, 0), (2, 1), (3, 2)):
        assert mmsd.find_all(f"fake marathon-watcher: hello .*last={last} "), generation
    assert mmsd.find_all("running in place .*generation=1$")
    assert mmsd.find_all("running in place .*generation=2$")
    mmsd.wait_log("fake api-server: processes .*confd-writer=running/3/2.*api-server=running/3/2")
    # The service manager saw two reloads.
    words = [word for word in notify.poll()[told:] if word.split("=")[0] in ("RELOADING", "READY")]
    assert words == ["RELOADING=1", "READY=1"] * 2
    assert mmsd.stop() == 0


def test_nothing_leaks(mmsd):
    mmsd.start()
    before = descriptors(mmsd.process.pid)
    worker = descriptors(mmsd.pid("api-server"))
    for times in range(1, 4):
        upgrade(mmsd, times)
    assert descriptors(mmsd.process.pid) == before
    assert descriptors(mmsd.pid("api-server")) == worker


def test_the_state_is_there_before_the_watcher_is(mmsd):
    mmsd.start()
    mmsd.behave("marathon-watcher", "no-ready")
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log("fake (confd-writer|api-server): snapshot 1$", 4)


def test_without_root(make_mmsd):
    mmsd = make_mmsd(user="nobody").start()
    upgrade(mmsd)
    assert mmsd.stop() == 0


def test_configuration_is_read_again(mmsd):
    mmsd.start()
    mmsd.config.write_text("enable-files = false\nresync-interval = 45s\n")
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log("fake marathon-watcher: hello .*--resync-interval=45s")
    # No longer wanted: it ends with its channel, and nobody starts it again.
    mmsd.wait_log(": ready ", 2)
    wait_for("its end", lambda: not mmsd.pid("confd-writer"))
    assert len(mmsd.find_all("process started process=confd-writer")) == 1
    mmsd.config.write_text("")
    mmsd.signal("mmsd", signal.SIGHUP)
    # The watcher is new again, and may be faster.
    mmsd.wait_log("fake confd-writer: snapshot [23]$")


def test_the_watchdog_is_fed_without_a_gap(mmsd, notify):
    mmsd.environment["WATCHDOG_USEC"] = str(60_000_000)
    mmsd.start()
    fed = notify.poll().count("WATCHDOG=1")
    upgrade(mmsd)
    # Half the limit is 30 s away.
    assert notify.poll().count("WATCHDOG=1") > fed


def test_signals_in_between_are_not_lost_and_do_not_kill(mmsd):
    mmsd.start()
    for _ in range(5):
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR1):
            mmsd.signal("mmsd", number)
    mmsd.wait_log(": running in place of another version")
    mmsd.wait_log(": ready ", 2)
    ended = len(mmsd.find_all("configuration read again"))
    mmsd.signal("mmsd", signal.SIGHUP)
    mmsd.wait_log("configuration read again", ended + 1)
    for number in (signal.SIGUSR2, signal.SIGTERM):
        mmsd.signal("mmsd", number)
    assert mmsd.process.wait(timeout=15) == 0


def test_a_process_that_does_not_end_is_killed_and_one_that_waits_is_started(mmsd):
    mmsd.behave("confd-writer", "ignore-term", "ignore-eof")
    mmsd.start()
    mmsd.behave("api-server", "exit-71")
    mmsd.signal("api-server", signal.SIGKILL)
    mmsd.wait_log("process ended process=api-server.*restart_in_ms=1600", timeout=30)
    mmsd.behave("api-server")
    mmsd.behave("confd-writer")
    before = mmsd.pids()
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log("process does not end.*confd-writer")
    mmsd.wait_new_pid("confd-writer", before["confd-writer"])
    mmsd.wait_log(": ready ", 2)
    # The numbers of its former starts are not forgotten.
    mmsd.wait_log("fake api-server: processes .*confd-writer=running/2/1.*api-server=running/2/[4-9]")


def test_processes_that_ended_just_before_are_started_again(mmsd):
    """Their SIGCHLD waits while the binary is executed anew, and does not survive that."""
    mmsd.start()
    before = mmsd.pids()
    mmsd.signal("mmsd", signal.SIGSTOP)
    for name in PROCESSES:  # all: the end of one that is left would tell of the others
        mmsd.signal(name, signal.SIGKILL)
    mmsd.signal("mmsd", signal.SIGUSR2)  # the lower number, so it is seen first
    mmsd.signal("mmsd", signal.SIGCONT)
    mmsd.wait_log(": running in place of another version")
    mmsd.wait_log(": ready ", 2)
    after = mmsd.pids()
    assert all(after[name] not in (0, before[name]) for name in PROCESSES)
    assert not mmsd.find_all("process does not end")


def make_missing(mmsd) -> None:
    (mmsd.executables / "mmsd").unlink()


def make_not_executable(mmsd) -> None:
    replace_binary(mmsd).chmod(0o644)


def script(body: str):
    def make(mmsd) -> None:
        path = mmsd.folder / "script"
        path.write_text(body)
        replace_binary(mmsd, path)

    return make


def make_cut_short(mmsd) -> None:
    os.truncate(replace_binary(mmsd), 20_000)


def make_config_wrong(mmsd) -> None:
    mmsd.config.write_text("resync-interval = soon\n")


def make_worker_missing(mmsd) -> None:
    (mmsd.executables / "mmsd-confd-writer").unlink()


def make_folder_other(mmsd) -> None:
    mmsd.config.write_text(f"run-state-dir = {mmsd.folder}/other\n")


@pytest.mark.parametrize(
    "make,words",
    [
        (make_missing, "No such file"),
        (make_not_executable, "Permission denied"),
        (script("no program\n"), "Exec format error"),
        (make_cut_short, "killed by signal|exited with status|Exec format error"),
        (script("#!/bin/sh\nexit 0\n"), "exited with status 0"),  # not by chance a "yes"
        (script("#!/bin/sh\nexec sleep 60\n"), "killed by signal 9"),
        (make_config_wrong, "exited with status 64"),
        (make_worker_missing, "exited with status 78"),
        (make_folder_other, "exited with status 78"),
    ],
    ids=["missing", "not-executable", "no-program", "cut-short", "says-nothing", "hangs", "config",
         "worker-missing", "other-folder"],
)
def test_refused_and_everything_goes_on(mmsd, notify, make, words):
    if make is make_folder_other:
        kept = type(mmsd)

        class Without(kept):
            @property
            def arguments(self) -> list[str]:
                return [each for each in super().arguments if "--run-state-dir" not in each]

        mmsd.__class__ = Without
        mmsd.config.write_text(f"run-state-dir = {mmsd.state}\n")
    before = mmsd.start().pids()
    make(mmsd)
    told = len(notify.poll())
    with Knocking(mmsd.api_port) as knocking:
        mmsd.signal("mmsd", signal.SIGUSR2)
        mmsd.wait_log(f"{REFUSED}.*({words})")
    assert not knocking.refused
    assert len(mmsd.find_all("error ")) == 1
    assert mmsd.pids() == before
    assert not any(word.startswith(("RELOADING", "STOPPING")) for word in notify.poll()[told:])
    # It is as well as before.
    mmsd.signal("marathon-watcher", signal.SIGUSR1)
    mmsd.wait_log("fake (confd-writer|api-server): snapshot 2$", 2)


def test_a_port_that_cannot_be_had_is_found_out_before(mmsd):
    class Without(type(mmsd)):
        @property
        def arguments(self) -> list[str]:
            return [each for each in super().arguments if "--api-port" not in each]

    mmsd.__class__ = Without
    mmsd.config.write_text(f"api-port = {mmsd.api_port}\n")
    before = mmsd.start().pids()
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        mmsd.config.write_text(f"api-port = {taken.getsockname()[1]}\n")
        mmsd.signal("mmsd", signal.SIGUSR2)
        mmsd.wait_log(REFUSED)
    assert mmsd.find_all("^mmsd: cannot listen on .*in use")
    assert mmsd.pids() == before
    new_port = free_port()
    mmsd.config.write_text(f"api-port = {new_port}\n")
    upgrade(mmsd)
    socket.create_connection(("127.0.0.1", new_port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", mmsd.api_port), timeout=5)


def test_what_leaves_processes_behind_is_turned_off_by_sighup_only(mmsd):
    name = pathlib.Path(OPTIONAL_PROCESSES["haproxy-manager"][1]).name
    os.link(mmsd.executables / "mmsd-confd-writer", mmsd.executables / name)
    mmsd.extra_arguments.append("--enable-tcp=true")
    mmsd.config.write_text("# nothing\n")
    mmsd.start()
    upgrade(mmsd)
    kept = type(mmsd)

    class Off(kept):
        @property
        def arguments(self) -> list[str]:
            return [each for each in super().arguments if "--enable-tcp" not in each]

    # The command line cannot change in place: what the file says has to.
    assert mmsd.stop() == 0
    mmsd.__class__ = Off
    mmsd.config.write_text("enable-tcp = true\n")
    mmsd.log_path.unlink()
    mmsd.start()
    mmsd.config.write_text("enable-tcp = false\n")
    mmsd.signal("mmsd", signal.SIGUSR2)
    mmsd.wait_log(REFUSED)
    assert mmsd.find_all("^mmsd: turn --enable-tcp off with SIGHUP before")
    mmsd.signal("mmsd", signal.SIGHUP)
    mmsd.wait_log("fake haproxy-manager: shutdown")
    wait_for("its end", lambda: not mmsd.pid("haproxy-manager"))
    upgrade(mmsd)


@pytest.mark.parametrize("value", [
    "", "1", "2,{pid},as=nobody", "1,1,as=nobody,run-state-dir:3:0:0", "1,{pid},as=daemon,a:3:0:0",
    "1,{pid},as=nobody,a", "1,{pid},as=nobody,a:b:0:0", "1,{pid},as=nobody,a:2:0:0",
    "1,{pid},as=nobody,a:99:0:0", "1,{pid},as=nobody,a:-2:0:0", "1,{pid},as=nobody,a:3:-1:0",
    "1,{pid},as=nobody,a:3:0:-1", "1,{pid},as=nobody,a:3:0:0:0", "1,{pid},as=nobody,a:3:0",
    "1,{pid},as=nobody,a:3:0:0,a:-1:0:0", "1,{pid},as=nobody,a:3:0:0,b:3:0:0",
    "1,{pid},as=nobody,run-state-dir:-1:0:0,api-server:-1:1:0",
])
def test_a_start_with_a_forged_handover_is_refused(mmsd, value):
    """Each line breaks one rule of the form. Descriptor 3 is open in each."""
    program = str(mmsd.executables / "mmsd")
    script = (
        "import os, sys\n"
        "os.dup2(os.open('/dev/null', os.O_RDONLY), 3)\n"
        "os.environ['MMSD_HANDOVER'] = sys.argv[1].replace('{pid}', str(os.getpid()))\n"
        "os.execv(sys.argv[2], sys.argv[2:])\n"
    )
    ended = subprocess.run(
        ["/usr/bin/python3", "-c", script, value, program, *mmsd.arguments],
        capture_output=True, text=True, timeout=15, check=False,
    )
    assert ended.returncode in (71, 78), ended.stderr
    assert re.search("cannot take over|take over process 1: No child", ended.stderr)
    assert not mmsd.find_all("process started") and not processes_of(mmsd.executables)


def test_sockets_that_are_not_what_they_are_said_to_be_are_not_used(mmsd):
    """A descriptor of the right name and the wrong kind, another port, a broken snapshot."""
    program = str(mmsd.executables / "mmsd")
    script = (
        "import os, socket, sys\n"
        "a = socket.create_server(('127.0.0.1', 0))\n"
        "m = os.memfd_create('x', 0)\n"
        "os.write(m, b'no snapshot' * 9)\n"
        "os.set_inheritable(a.fileno(), True)\n"
        "os.environ['MMSD_HANDOVER'] = f'1,{os.getpid()},as=nobody,api-server/api-tcp:{a.fileno()}:0:0,'"
        " f'snapshot:{m}:0:0,no-such-process:-1:0:7,confd-writer:-1:0:7'\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    with open(mmsd.log_path, "ab") as log:
        mmsd.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", script, program, *mmsd.arguments], stderr=log, stdout=log
        )
    mmsd.wait_log("no state taken over")
    mmsd.wait_log(": ready ")
    socket.create_connection(("127.0.0.1", mmsd.api_port), timeout=5).close()
    mmsd.wait_log("fake api-server: processes .*confd-writer=running/1/8")
    assert descriptors(mmsd.process.pid).count("/memfd") == 0
    assert mmsd.stop() == 0
