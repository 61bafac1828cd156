# SPDX-License-Identifier: MIT
# Starts the real mmsd with real users in a folder of its own, and looks at it from outside.
"""The processes under test: staging, start, stop, and what they show."""

from __future__ import annotations

import grp
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass

from waiting import DEADLINE, free_port, wait_for

# Process name (pid file, /v1/status) → (user's suffix, executable below the build folder).
PROCESSES = {
    "marathon-watcher": ("watcher", "daemon/marathon/mmsd-marathon-watcher"),
    "confd-writer": ("confd", "workers/confd-writer/mmsd-confd-writer"),
    "api-server": ("api", "workers/api-server/mmsd-api-server"),
}
# Workers that the tests of everything else switch off.
OPTIONAL_PROCESSES = {
    "haproxy-manager": ("haproxy", "workers/haproxy-manager/mmsd-haproxy-manager"),
    "dns-server": ("dns", "workers/dns-server/mmsd-dns-server"),
    "udp-balancer": ("udp", "workers/udp-balancer/mmsd-udp-balancer"),
}
# A process that ends by this is started again: the test itself might go on.
_SANITIZER_FINDING = re.compile(r"(?:ERROR: \w+Sanitizer|: runtime error): .*")
_SUPERVISOR = "daemon/mmsd"
_CLIENT = "daemon/client/mmsd-client"
_USER_SUFFIXES = ("watcher", "haproxy", "confd", "dns", "api", "udp")
_USER_PREFIX = "mmsd-"
_GROUP = "mmsd"


def user_of(process: str) -> str:
    """The user that a process of that name runs as."""
    return _USER_PREFIX + PROCESSES[process][0]


def stage_executables(build: pathlib.Path) -> pathlib.Path:
    """Copies the executables to where every user can reach them. The caller removes the folder."""
    staged = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-bin-"))
    staged.chmod(0o755)
    every = {**PROCESSES, **OPTIONAL_PROCESSES}
    for path in (_SUPERVISOR, _CLIENT, *(path for _, path in every.values())):
        target = staged / pathlib.Path(path).name
        shutil.copyfile(build / path, target)
        target.chmod(0o755)
    return staged


def ensure_users() -> None:
    """Makes the system users and their group where they are missing. Needs root."""
    try:
        grp.getgrnam(_GROUP)
    except KeyError:
        subprocess.run(["groupadd", "--system", _GROUP], check=True)
    for suffix in _USER_SUFFIXES:
        try:
            pwd.getpwnam(_USER_PREFIX + suffix)
        except KeyError:
            subprocess.run(
                ["useradd", "--system", "--gid", _GROUP, "--no-create-home", "--home-dir",
                 "/nonexistent", "--shell", "/usr/sbin/nologin", _USER_PREFIX + suffix],
                check=True,
            )


def processes_of(executables: pathlib.Path) -> dict[int, str]:
    """All running processes whose executable lies in that folder, by pid."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                target = os.readlink(entry / "exe")
            except OSError:
                continue
            if target.startswith(f"{executables}/"):
                found[int(entry.name)] = pathlib.Path(target).name
    return found


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def lines(self) -> list[str]:
        return self.body.decode().splitlines()


class NotifySocket:
    """Plays the service manager's notification socket."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        path.chmod(0o666)

    def poll(self) -> list[str]:
        """@return all assignments so far, in order"""
        while True:
            try:
                self.messages += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return self.messages

    def close(self) -> None:
        self._socket.close()


class Mmsd:
    """One mmsd with a folder, ports and a log of its own."""

    def __init__(self, executables: pathlib.Path, *arguments: str, user: str | None = None) -> None:
        """Prepares; start() starts. @user: who to be instead of root."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-test-"))
        self.folder.chmod(0o755)
        self.state = self.folder / "run"
        self.confd = self.state / "confd"
        self.config = self.folder / "mmsd.conf"
        self.config.write_text("")
        self.log_path = self.folder / "mmsd.log"
        self.api_port = free_port()
        self.environment: dict[str, str] = {}
        self.wrapper: list[str] = []  # a program that starts mmsd in its own place
        self.passed: tuple[int, ...] = ()  # descriptors that it gets, too
        self.process: subprocess.Popen | None = None
        self.executables = executables
        self.extra_arguments = list(arguments)
        self._user = user
        if user:
            shutil.chown(self.folder, user)

    @property
    def arguments(self) -> list[str]:
        """The command line after the program's name; later flags win over these."""
        return [
            f"--config={self.config}",
            f"--run-state-dir={self.state}",
            f"--worker-dir={self.executables}",
            f"--api-port={self.api_port}",
            "--bind-ip=127.0.0.1",
            "--enable-tcp=false",
            "--enable-udp=false",
            "--reconnect-delay=200ms",
            *self.extra_arguments,
        ]

    def command(self) -> list[str]:
        """How it is started; ends with this test process, whatever happens to that."""
        return [
            "setpriv", "--pdeathsig", "TERM", *self.wrapper, str(self.executables / "mmsd"),
            *self.arguments,
        ]

    def launch(self) -> None:
        """Starts the process and does not wait for anything."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", **self.environment},
                pass_fds=self.passed, cwd="/", user=self._user, extra_groups=[] if self._user else None,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            )

    def start(self) -> Mmsd:
        """Starts and waits until the API has a state."""
        self.launch()
        wait_for("first state in the API", self._has_state)
        return self

    def _has_state(self) -> bool:
        assert self.process.poll() is None, f"mmsd ended with {self.process.returncode}"
        try:
            return self.get("/v1/apps").status == 200
        except OSError:
            return False

    def run(self, timeout: float = DEADLINE) -> subprocess.CompletedProcess:
        """Runs it to its end, for starts that must fail."""
        return subprocess.run(
            self.command(), capture_output=True, text=True, timeout=timeout, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", **self.environment},
            pass_fds=self.passed,
        )

    # What it shows

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def pid(self, name: str) -> int:
        """The pid in a process's pid file; 0 while there is none."""
        try:
            return int((self.state / "pids" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def pids(self) -> dict[str, int]:
        """pid by process name, the supervisor as "mmsd"."""
        return {"mmsd": self.process.pid, **{name: self.pid(name) for name in PROCESSES}}

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request to the API on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=DEADLINE)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def status(self) -> dict:
        """/v1/status."""
        return json.loads(self.get("/v1/status").body)

    def remove_files(self) -> None:
        """Removes all instances files, so that those of the next start are its own."""
        for path in self.confd.glob("*.instances"):
            path.unlink()

    def files(self) -> dict[str, bytes]:
        """All instances files by name."""
        found = {}
        for path in self.confd.glob("*.instances"):
            try:
                found[path.name] = path.read_bytes()
            except FileNotFoundError:
                pass
        return found

    # What is done to it

    def signal(self, name: str, number: int) -> int:
        """Sends a signal to a process by name ("mmsd" = supervisor). @return its pid"""
        pid = self.process.pid if name == "mmsd" else self.pid(name)
        os.kill(pid, number)
        return pid

    def stop(self) -> int:
        """Orderly stop. @return the exit code"""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE)

    def close(self, keeps_folder: bool) -> dict[int, str]:
        """Ends it by force if it still runs, and removes its folder.

        @return processes that it left behind, which are killed too
        @raise AssertionError: a sanitizer has found something in one of its processes"""
        left: dict[int, str] = {}
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(timeout=DEADLINE)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            try:
                wait_for("processes to end", lambda: not processes_of(self.executables), 2.0)
            except AssertionError:
                left = processes_of(self.executables)
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
        findings = _SANITIZER_FINDING.findall(self.log)
        if not keeps_folder and not findings:
            shutil.rmtree(self.folder, ignore_errors=True)
        assert not findings, f"see {self.log_path}: {findings}"
        return left
