# SPDX-License-Identifier: MIT
# Waiting for events with a deadline: the only way in which tests wait.
"""Polling with deadlines, and free ports."""

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


def free_ports(count: int) -> list[int]:
    """TCP ports on 127.0.0.1 that nobody listens on now, below those of outgoing connections."""
    lowest, highest = 20_001, 32_767
    start = random.randrange(highest - lowest)
    found = []
    for i in range(highest - lowest):
        port = lowest + (start + i) % (highest - lowest)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"only {len(found)} of {count} ports are free")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
