# SPDX-License-Identifier: MIT
# Waiting for events with a deadline: the only way in which tests wait.
"""Polling with deadlines, and ports that are free and stay so."""

from __future__ import annotations

import contextlib
import random
import socket
import time

DEADLINE = 15.0


def wait_for(what: str, probe, timeout: float = DEADLINE, pause: float = 0.005):
    """Calls @probe until it answers something true, and returns that.

    @what names the awaited thing in the error; an AssertionError of @probe counts as "not yet" and
    is shown if the deadline passes.
    """
    deadline = time.monotonic() + timeout
    last: object = None
    while True:
        try:
            last = probe()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {timeout:g} s; last seen: {last}")
        time.sleep(pause)


class _Ports:
    """Ports below those of outgoing connections and above those of the double, each given once.

    Test programs run side by side, and a port is free between the moment when it is chosen and the
    moment when a server takes it. So a test program first claims a block of ports, by a name in
    the abstract namespace of Unix sockets, which has the kernel's own life time: that of the
    program, in its network namespace.
    """

    LOWEST, HIGHEST, BLOCK = 24_000, 32_767, 64

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []
        self._blocks = list(range(self.LOWEST, self.HIGHEST - self.BLOCK, self.BLOCK))
        random.shuffle(self._blocks)
        self._left: list[int] = []

    def _claim(self) -> None:
        while self._blocks:
            first = self._blocks.pop()
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0mmsd-test-ports-{first}")
            except OSError:
                claim.close()
                continue
            self._claims.append(claim)
            self._left = list(range(first + self.BLOCK - 1, first - 1, -1))
            return
        raise AssertionError("no ports are left")

    def next(self) -> int:
        while True:
            if not self._left:
                self._claim()
            port = self._left.pop()
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, \
                    contextlib.suppress(OSError):
                tcp.bind(("", port))
                udp.bind(("", port))
                return port


_ports = _Ports()


def free_ports(count: int) -> list[int]:
    """Ports for TCP and UDP that nobody listens on, and no other test program gets."""
    return [_ports.next() for _ in range(count)]


def free_port() -> int:
    """One of free_ports()."""
    return _ports.next()
