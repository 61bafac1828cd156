# SPDX-License-Identifier: MIT
# Plays the supervisor for one worker process and drops its rights as the supervisor would.
"""One real worker under test control: channel, snapshots, status reports."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

import snapshot_frames as frames
from waiting import wait_for

# Nobody's ids: the worker needs no user of its own here.
_UID = 65534
_FIRST_SOCKET_FD = 4
_HIGH_FD = 100


def built(relative: str) -> pathlib.Path:
    """An executable of the build that the test runner names; skips the test if there is none."""
    folder = os.environ.get("MMSD_BUILD_DIR")
    if not folder or not (path := pathlib.Path(folder) / relative).exists():
        pytest.skip(f"MMSD_BUILD_DIR does not lead to {relative}")
    return path


@contextlib.contextmanager
def staged(executable: pathlib.Path):
    """A copy where every user can run it."""
    with tempfile.TemporaryDirectory(prefix="mmsd-bin-") as folder:
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder) / executable.name
        shutil.copyfile(executable, copy)
        copy.chmod(0o755)
        yield copy


def _command(executable: pathlib.Path, fds: list[int], capability: str | None) -> list[str]:
    redirections = " ".join(
        f"{number}<&{fd}" for number, fd in enumerate(fds, _FIRST_SOCKET_FD - 1)
    )
    command = ["bash", "-c", f'exec "$@" {redirections}', "bash"]
    if os.getuid() == 0:
        kept = f"-all,+{capability}" if capability else "-all"
        command += [
            "setpriv",
            f"--reuid={_UID}",
            f"--regid={_UID}",
            "--clear-groups",
            f"--inh-caps={kept}",
            f"--ambient-caps={kept}",
            f"--bounding-set={kept}",
            "--no-new-privs",
        ]
    return [*command, str(executable)]


class LoneWorker:
    """A running worker. Use as a context manager."""

    def __init__(self, executable, process, flags=(), *, capability=None, sockets=(), prefix=()):
        """@sockets: (role, socket) pairs that it inherits; @prefix: a command around it."""
        ours, theirs = socket.socketpair()
        roles = [(_FIRST_SOCKET_FD + i, role) for i, (role, _) in enumerate(sockets)]
        # High numbers: the places from 3 on, where they belong, must not hold one of them already.
        inherited = [theirs, *(each for _, each in sockets)]
        fds = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD) for each in inherited]
        self.log_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix, *_command(executable, fds, capability), *flags],
            stdin=subprocess.DEVNULL,
            stdout=self.log_file,
            stderr=self.log_file,
            pass_fds=fds,
        )
        theirs.close()
        for fd in fds:
            os.close(fd)
        self._channel = ours
        self._generation = 0
        self._apps: list[frames.App] | None = None
        self._frames: list[tuple[int, int, bytes]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.send(frames.HELLO, frames.hello(process, roles))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self) -> int:
        """Of the worker itself: everything before it has exec'ed."""
        return self.process.pid

    @property
    def log(self) -> str:
        """All that it has said on stderr."""
        return os.pread(self.log_file.fileno(), 1 << 20, 0).decode(errors="replace")

    def send(self, kind: int, payload: bytes = b"", generation: int = 0) -> None:
        """Sends one frame."""
        self._channel.sendall(frames.frame(kind, payload, generation))

    def send_raw(self, octets: bytes) -> None:
        """Sends frames that were made before."""
        self._channel.sendall(octets)

    def wait_frame(self, kind: int, generation: int = 0, timeout: float = 15.0) -> bytes:
        """The payload of the first frame of that kind and generation, which is then forgotten."""

        def take():
            for i, (each, its_generation, payload) in enumerate(self._frames):
                if each == kind and its_generation == generation:
                    del self._frames[i]
                    return (payload,)
            assert self.process.poll() is None, f"worker ended: {self.log[-4000:]}"
            return None

        with self._changed:
            return wait_for(f"frame {kind}", self._locked(take, timeout), timeout)[0]

    def _locked(self, probe, timeout):
        def wait():
            found = probe()
            if not found:
                self._changed.wait(min(timeout, 0.1))
            return found or probe()

        return wait

    def ready(self) -> "LoneWorker":
        """Waits until it has said Ready."""
        self.wait_frame(frames.READY)
        return self

    def offer(self, apps: list[frames.App]) -> None:
        """Sends a state, if it can as what changed, and waits for nothing."""
        self._generation += 1
        base = 0 if self._apps is None else self._generation - 1
        self._channel.sendall(frames.snapshot(self._generation, apps, base, self._apps))
        self._apps = copy.deepcopy(apps)

    def apply(self, apps: list[frames.App]) -> tuple[str, str]:
        """Has it apply a state. @return result and text"""
        self.offer(apps)
        payload = self.wait_frame(frames.SNAPSHOT_APPLIED, self._generation)
        length = struct.unpack_from("<H", payload, 9)[0]
        text = payload[11 : 11 + length].decode()
        return ("applied", "unchanged", "rejected")[payload[0]], text

    def drop_reports(self) -> None:
        """Forgets the reports that have come, so that the next one is new."""
        with self._changed:
            self._frames = [each for each in self._frames if each[0] != frames.STATUS]

    def report(self) -> "Report":
        """A status report that was made after this call."""
        self.drop_reports()
        self.send(frames.REAPPLY)
        return Report(self.wait_frame(frames.STATUS))

    def stop(self) -> int:
        """Ends it like the supervisor: Shutdown, then by force."""
        if self.process.poll() is None:
            try:
                self.send(frames.SHUTDOWN)
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self._channel.close()
        return self.process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def _read(self) -> None:
        buffer = b""
        while True:
            try:
                octets = self._channel.recv(1 << 20)
            except OSError:
                octets = b""
            if not octets:
                return
            buffer += octets
            while len(buffer) >= frames.HEADER.size:
                length, kind, _, generation = frames.HEADER.unpack_from(buffer)
                if len(buffer) < frames.HEADER.size + length:
                    break
                payload = buffer[frames.HEADER.size : frames.HEADER.size + length]
                buffer = buffer[frames.HEADER.size + length :]
                with self._changed:
                    self._frames.append((kind, generation, payload))
                    self._changed.notify_all()


class Report:
    """A decoded status report."""

    def __init__(self, payload: bytes):
        self._payload, self._offset = payload, 0
        self.omitted_refusals = self._number("<I")
        self.metrics: dict[tuple, float] = {}
        for _ in range(self._number("<I")):
            name = self._string()
            self._number("<B")
            labels = tuple(
                sorted((self._string(), self._string()) for _ in range(self._number("<I")))
            )
            self.metrics[(name, *labels)] = self._number("<d")
        self.refusals = []
        self.refusal_rules: list[tuple[int, bool]] = []
        for _ in range(self._number("<I")):
            self.refusals.append((self._string(), self._number("<H"), self._string()))
            self.refusal_rules.append((self._number("<B"), bool(self._number("<B"))))

    def value(self, name: str, **labels) -> float:
        """The value of one metric; 0 if it is not told."""
        return self.metrics.get((name, *sorted(labels.items())), 0)

    def _number(self, form: str):
        value = struct.unpack_from(form, self._payload, self._offset)[0]
        self._offset += struct.calcsize(form)
        return value

    def _string(self) -> str:
        length = self._number("<H")
        self._offset += length
        return self._payload[self._offset - length : self._offset].decode()
