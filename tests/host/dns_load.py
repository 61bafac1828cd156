# SPDX-License-Identifier: MIT
# Paced DNS queries from a process of its own; each that is not answered well is counted.
"""DNS load that knows what became of every query."""

from __future__ import annotations

import multiprocessing
import select
import socket
import struct
import time
from dataclasses import dataclass

_context = multiprocessing.get_context("fork")
_PATIENCE = 5.0
_TICK = 0.005
_SO_RCVBUFFORCE = 33  # <asm-generic/socket.h>; Python has no name for it


@dataclass
class Answers:
    """What a load has seen."""

    sent: int = 0
    good: int = 0
    bad: int = 0
    seconds: float = 0.0

    @property
    def missing(self) -> int:
        return self.sent - self.good - self.bad

    def __str__(self) -> str:
        return (f"{self.sent} queries ({self.sent / max(self.seconds, 0.001):.0f}/s): {self.good} "
                f"answered, {self.bad} refused or empty, {self.missing} not answered")


def _query(name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.strip(".").split("."))
    return struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def _run(pipe, name: str, port: int, rate: int) -> None:
    answers = Answers()
    body = _query(name)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        # Answers to what waited while the server was replaced come all at once.
        client.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
        client.bind(("127.0.0.1", 0))
        client.setblocking(False)
        target = ("127.0.0.1", port)
        open_ids: set[int] = set()

        def receive() -> None:
            while True:
                try:
                    answer = client.recv(4096)
                except BlockingIOError:
                    return
                number, flags, _, count = struct.unpack("!HHHH", answer[:8])
                if number in open_ids:
                    open_ids.discard(number)
                    is_good = flags & 0xF == 0 and count > 0
                    answers.good += is_good
                    answers.bad += not is_good

        pipe.send("started")
        began = time.monotonic()
        while not pipe.poll():
            due = int((time.monotonic() - began) * rate)
            while answers.sent < due:
                number = answers.sent & 0xFFFF
                open_ids.add(number)
                client.sendto(struct.pack("!H", number) + body, target)
                answers.sent += 1
            receive()
            select.select([client], [], [], _TICK)
        answers.seconds = time.monotonic() - began
        end = time.monotonic() + _PATIENCE
        while open_ids and time.monotonic() < end:
            select.select([client], [], [], _TICK)
            receive()
    pipe.send(answers)


class DnsLoad:
    """@rate A queries a second for one name; a context manager. The answers are there after it."""

    def __init__(self, name: str, port: int, rate: int = 5000) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_run, args=(theirs, name, port, rate), daemon=True)
        self.answers = Answers()

    def __enter__(self) -> DnsLoad:
        self._process.start()
        assert self._pipe.recv() == "started"
        return self

    def __exit__(self, *_exception) -> None:
        self._pipe.send("stop")
        if self._pipe.poll(60):
            self.answers = self._pipe.recv()
        self._process.kill()
        self._process.join()
