# SPDX-License-Identifier: MIT
# A haproxy-manager alone, with its folder and the HAProxy processes that outlive it.
"""The haproxy-manager under test control."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request

import pytest

import snapshot_frames as frames
from lone_worker import LoneWorker, Report, built, staged
from snapshot_frames import App, Instance, Port
from waiting import free_port, wait_for

_UID = 65534


def haproxy_binary() -> str:
    """The HAProxy to test with: MMSD_HAPROXY (see tests/tools/debian_haproxy.sh), else the one on
    PATH; skips the test if there is none."""
    found = os.environ.get("MMSD_HAPROXY") or shutil.which("haproxy")
    if not found:
        pytest.skip("no haproxy")
    return found


@contextlib.contextmanager
def staged_manager():
    """The worker under test, where every user can run it; skips where something is missing."""
    haproxy_binary()
    with staged(built("workers/haproxy-manager/mmsd-haproxy-manager")) as executable:
        yield executable


def tcp_app(name: str, service_port: int, ports: list[int], **labels: str) -> App:
    """An app with one tcp port and its instances on 127.0.0.1; label names with "_" for "-"."""
    real = {key.replace("_", "-"): value for key, value in labels.items()}
    return App(
        name, [Port(service_port, "tcp", labels=real)], [Instance("127.0.0.1", [p]) for p in ports]
    )


class HaproxyFolder:
    """A run-state folder, the manager on it, and whatever it starts. Use as a context manager."""

    def __init__(self, executable: pathlib.Path, *flags: str):
        self._executable = executable
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-haproxy-"))
        self.run.chmod(0o755)
        self.folder = self.run / "haproxy"
        self.folder.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(self.folder, _UID, _UID)
        self.management_port = free_port()
        self.flags = [
            "--bind-ip=127.0.0.1",
            f"--run-state-dir={self.run}",
            f"--haproxy-bin={haproxy_binary()}",
            f"--haproxy-port={self.management_port}",
            "--haproxy-cfgtail=/nonexistent",
            "--haproxy-reload-interval=0s",
            *flags,
        ]
        self.worker: LoneWorker | None = None
        self._state: list[App] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        status = self.worker.stop() if self.worker else 0
        for pid in self.haproxy_pids():
            os.kill(pid, signal.SIGKILL)
        wait_for("no HAProxy left", lambda: not self.haproxy_pids())
        shutil.rmtree(self.run)
        assert status == 0, self.worker.log

    def launch(self, *flags: str, descriptors: int | None = None) -> LoneWorker:
        """Starts the manager and waits for nothing. @descriptors: its limit."""
        self.worker = LoneWorker(
            self._executable,
            "haproxy-manager",
            [*self.flags, *flags],
            capability="net_bind_service",
            prefix=["prlimit", f"--nofile={descriptors}:{descriptors}"] if descriptors else [],
        )
        return self.worker

    def start(self, *flags: str, descriptors: int | None = None) -> LoneWorker:
        """Starts the manager."""
        return self.launch(*flags, descriptors=descriptors).ready()

    def kill(self) -> None:
        """SIGKILL to the manager."""
        self.worker.signal(signal.SIGKILL)
        self.worker.process.wait()
        self.worker.stop()
        self.worker = None

    def apply(self, apps: list[App]) -> tuple[str, str]:
        """Has the manager apply a state."""
        self._state = apps
        return self.worker.apply(apps)

    def metric(self, name: str) -> float:
        """One of the manager's metrics, from a report of the present."""
        return self.report().value(f"haproxy_{name}")

    def report(self) -> Report:
        """A status report of the present: applying the same state anew causes one."""
        self.worker.drop_reports()
        self.worker.apply(self._state)
        return Report(self.worker.wait_frame(frames.STATUS))

    def program(self, name: str, text: str) -> pathlib.Path:
        """An executable script in the folder that every user can run."""
        path = self.run / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def haproxy_pids(self) -> list[int]:
        """All HAProxy processes on this folder, draining ones, too; not their checks."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if len(command) > 3 and command[1] == b"-db":
                if command[3].startswith(f"{self.folder}/gen-".encode()):
                    found.append(int(path.parent.name))
        return found

    def config(self) -> str:
        """The configuration in force."""
        parts = [self.folder / "haproxy.cfg", *sorted(self.folder.glob("current/apps/*.cfg"))]
        return "".join(part.read_text() for part in parts)

    def ask(self, command: str) -> str:
        """Asks the serving HAProxy's admin socket."""
        generation = os.readlink(self.folder / "current").removeprefix("gen-")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / f"haproxy-{generation}.sock"))
            connection.sendall(command.encode() + b"\n")
            answer = b""
            while octets := connection.recv(65536):
                answer += octets
        return answer.decode()


def get(port: int, path: str = "/", **headers: str) -> tuple[int, str]:
    """Status and body; (0, reason) if nobody answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def serves(port: int) -> bool:
    """Whether somebody answers 200."""
    return get(port)[0] == 200
