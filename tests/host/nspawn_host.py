# SPDX-License-Identifier: MIT
# A booted Debian in a container, thrown away at the end; commands run in it by nsenter.
"""A host of its own for each test: systemd as PID 1, own network, nothing of it stays."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from host_roots import LANDLOCK
from waiting import wait_for

_BOOT = 120.0
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter_network(path: str) -> None:
    """The calling thread, and what it starts from now on, gets that network."""
    with open(path, "rb") as network:
        if _libc.setns(network.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"enter the network {path}")


class Host:
    """A booted container, or one in which nothing runs yet; use as a context manager."""

    def __init__(self, root: pathlib.Path, *, is_booted: bool = True,
                 has_landlock: bool = True) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-host-"))
        self._console = open(self._folder / "console", "wb")  # noqa: SIM115
        # The tests' own session may have cgroup v1: systemd is to have the unified hierarchy.
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "-D", str(root), "-M", f"mmsd-host-{os.getpid()}",
             "--register=no", "--keep-unit", "--volatile=overlay", "--console=pipe",
             f"--system-call-filter={'' if has_landlock else '~'}{LANDLOCK}",
             "--private-network", f"--bind={self._folder}:/exchange",
             *(["--boot"] if is_booted else ["--as-pid2", "/bin/sleep", "infinity"])],
            env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL, stdout=self._console, stderr=subprocess.STDOUT)
        try:
            self.leader = 0
            wait_for("the start", self._has_booted if is_booted else self._has_started, _BOOT, 0.1)
            self.run("ip", "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def close(self) -> None:
        """Ends all that runs in the container."""
        if self._nspawn.poll() is None:
            self._nspawn.send_signal(signal.SIGKILL)
            if self.leader:
                # PID 1 of the container takes everything in it along.
                try:
                    os.kill(self.leader, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._nspawn.wait()
        self._console.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_started(self) -> bool:
        """True if commands can be run. nspawn's first child is not yet the container's init."""
        if self._nspawn.poll() is not None:
            raise RuntimeError((self._folder / "console").read_text())
        children = pathlib.Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        found = children.read_text().split()
        self.leader = int(found[0]) if found else 0
        return self.leader != 0 and self.status("test $$ -ne 1 && test -d /exchange") == 0

    def _has_booted(self) -> bool:
        assert self._has_started()
        state = self.run("systemctl", "is-system-running", check=False)
        assert state.strip() in ("running", "degraded"), state + (self._folder / "console").read_text()
        return True

    @contextlib.contextmanager
    def network(self):
        """Inside of it, this thread and what it starts have the container's network."""
        with open("/proc/thread-self/ns/net", "rb") as own:
            _enter_network(f"/proc/{self.leader}/ns/net")
            try:
                yield
            finally:
                _enter_network(f"/proc/self/fd/{own.fileno()}")

    def run(self, *command, check: bool = True) -> str:
        """Runs a command in the container. @return its standard output and error"""
        done = self.start(*command)
        output, _ = done.communicate(timeout=300)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: status {done.returncode}: {output}")
        return output

    def start(self, *command) -> subprocess.Popen:
        """Starts a command as run() does."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--",
             *(str(part) for part in command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def status(self, command: str) -> int:
        """Exit status of a shell command in the container."""
        done = self.start("/bin/sh", "-c", command)
        done.communicate(timeout=300)
        return done.returncode

    def install(self, deb: pathlib.Path) -> str:
        """Installs (or upgrades to) a package; what dpkg said."""
        shutil.copy(deb, self._folder)
        return self.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i",
                        f"/exchange/{deb.name}")

    def write(self, path: str, text: str) -> None:
        """Writes a file in the container."""
        (self._folder / "text").write_text(text)
        self.run("cp", "/exchange/text", path)

    def properties(self, *names: str) -> dict[str, str]:
        """Properties of mmsd's unit."""
        shown = self.run("systemctl", "show", "mmsd", *(f"-p{name}" for name in names))
        return dict(line.split("=", 1) for line in shown.splitlines())

    @property
    def main_pid(self) -> int:
        """mmsd's pid as the container sees it; 0 if it does not run."""
        return int(self.properties("MainPID")["MainPID"])

    def journal(self) -> list[dict]:
        """What mmsd's unit has logged, with all fields."""
        lines = self.run("journalctl", "-u", "mmsd", "-o", "json", "--no-pager").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def pid_of(self, process: str) -> int:
        """Pid of one of mmsd's processes, from its pid file."""
        return int(self.run("cat", f"/run/mmsd/pids/{process}.pid"))

    def pids(self, user: str, name: str) -> set[int]:
        """Processes of a user by name."""
        found = self.run("pgrep", "-u", user, "-x", name, check=False)
        return {int(pid) for pid in re.findall(r"^\d+$", found, re.MULTILINE)}
