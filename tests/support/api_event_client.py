# SPDX-License-Identifier: MIT
# A client of mmsd's event stream (/v1/events).
"""Reads server-sent events as a browser's EventSource would."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass

from waiting import DEADLINE


@dataclass
class Event:
    """One event; `id` is the last one that the stream has given."""

    name: str
    id: str
    data: dict


class ApiEventClient:
    """One open stream; a context manager."""

    def __init__(self, port: int, query: str = "", last_event_id: str = "") -> None:
        """@query starts with "?"."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        resume = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        self._socket.sendall(
            f"GET /v1/events{query} HTTP/1.1\r\nHost: x\r\n{resume}\r\n".encode()
        )
        self._octets = b""
        self.last_id = last_event_id
        self.head = self._take_until(b"\r\n\r\n").decode()

    def __enter__(self) -> ApiEventClient:
        return self

    def __exit__(self, *_exception) -> None:
        self._socket.close()

    def _take_until(self, end: bytes) -> bytes:
        deadline = time.monotonic() + DEADLINE
        while end not in self._octets:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("the stream has ended")
            self._octets += more
        taken, _, self._octets = self._octets.partition(end)
        return taken

    def next(self) -> Event:
        """The next event that has data. @raise ConnectionError at the end of the stream"""
        while True:
            name, data = "message", ""
            for line in self._take_until(b"\n\n").decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    self.last_id = value
                elif field == "data":
                    data += value
            if data:
                return Event(name, self.last_id, json.loads(data))

    def next_generation(self) -> list[Event]:
        """All events up to the one that closes a generation, which is the last of them."""
        events = [self.next()]
        while events[-1].name not in ("generation", "reset"):
            events.append(self.next())
        return events
