# SPDX-License-Identifier: MIT
# A raw client of /v2/events, for tests that look at the bytes.
"""Opens an event stream and keeps every byte that came, with its segment borders."""

from __future__ import annotations

import json
import socket
import time


class SseClient:
    """One open stream; a context manager."""

    def __init__(
        self, port: int, query: str = "", accept: str = "text/event-stream", receive_buffer: int = 0
    ) -> None:
        """@query starts with "?"; @receive_buffer makes the client a slow one."""
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect(("127.0.0.1", port))
        self._socket.sendall(
            f"GET /v2/events{query} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode()
        )
        self.segments: list[bytes] = []
        self.head = b""
        self.is_ended = False

    def __enter__(self) -> SseClient:
        return self

    def __exit__(self, *_exception) -> None:
        self._socket.close()

    @property
    def body(self) -> bytes:
        return b"".join(self.segments)

    def read_until(self, is_enough, timeout: float = 10.0) -> SseClient:
        """Reads until @is_enough(self), the end of the stream, or the deadline (an error)."""
        deadline = time.monotonic() + timeout
        while not is_enough(self) and not self.is_ended:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except ConnectionResetError:
                data = b""
            except TimeoutError:
                raise AssertionError(f"not seen within {timeout} s; so far {self.body!r}") from None
            self.is_ended = not data
            if self.head.endswith(b"\r\n\r\n"):
                self.segments.append(data)
                continue
            head, end, rest = (self.head + data).partition(b"\r\n\r\n")
            self.head = head + end
            if rest:
                self.segments.append(rest)
        return self

    def events(self) -> list[dict]:
        """The payloads of all whole events."""
        blocks = self.body.decode().split("\r\n\r\n")[:-1]
        lines = [line for block in blocks for line in block.split("\r\n")]
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]

    def names(self) -> list[str]:
        return [event["eventType"] for event in self.events()]
