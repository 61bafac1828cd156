# SPDX-License-Identifier: MIT
# Clients of a UDP service that number their datagrams, to count every one that is lost.
"""Steady load in the background, with the books of who answered what."""

from __future__ import annotations

import selectors
import struct
import threading
import time

from udp_peers import Client

_NUMBER = struct.Struct("<I")
_DRAIN = 1.0


class PacedLoad:
    """Each client sends numbered datagrams at a steady pace. Use as a context manager."""

    def __init__(self, service_port: int, clients: int, per_second: float):
        self._clients = [Client(service_port) for _ in range(clients)]
        self._pause = clients / per_second
        self.sent = [0] * clients
        # Per client: number of the datagram → name of the instance that answered it.
        self.answers: list[dict[int, str]] = [{} for _ in range(clients)]
        self.repeated = 0
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        for i, client in enumerate(self._clients):
            client.socket.setblocking(False)
            self._selector.register(client.socket, selectors.EVENT_READ, i)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> None:
        """Sends no more and waits for late answers."""
        self._stopping.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def missing(self, client: int) -> list[int]:
        """Numbers without an answer."""
        return [i for i in range(self.sent[client]) if i not in self.answers[client]]

    def total_missing(self) -> int:
        """Over all clients."""
        return sum(len(self.missing(i)) for i in range(len(self.sent)))

    def instances(self, client: int) -> set[str]:
        """Who has answered this client."""
        return set(self.answers[client].values())

    def answered(self) -> int:
        """Answers so far."""
        return sum(map(len, self.answers))

    def _run(self) -> None:
        turn = 0
        due = time.monotonic()
        pause = self._pause / len(self._clients)
        while not self._stopping.is_set():
            i = turn % len(self._clients)
            self._clients[i].send(_NUMBER.pack(self.sent[i]))
            self.sent[i] += 1
            turn += 1
            due += pause
            self._receive(max(0.0, due - time.monotonic()))
        end = time.monotonic() + _DRAIN
        while (left := end - time.monotonic()) > 0:
            self._receive(left)

    def _receive(self, patience: float) -> None:
        for key, _ in self._selector.select(patience):
            while (answer := self._clients[key.data].receive(0)) is not None:
                name, _, octets = answer.partition(b":")
                (number,) = _NUMBER.unpack(octets)
                self.repeated += number in self.answers[key.data]
                self.answers[key.data][number] = name.decode()
