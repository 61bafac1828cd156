# SPDX-License-Identifier: MIT
# Instances and clients for load through HAProxy, each in a process of its own.
"""Backends that answer HTTP or echo, and a load that counts every failure."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from dataclasses import dataclass, field

_context = multiprocessing.get_context("fork")
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
_PATIENCE = 10.0
_OPENERS = 4  # processes that open connections: one alone reaches some 900 a second


class _Http(asyncio.Protocol):
    def __init__(self, body: bytes):
        self._response = _RESPONSE % (len(body), body)
        self._input = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._input += data
        while b"\r\n\r\n" in self._input:
            self._input = self._input.partition(b"\r\n\r\n")[2]
            self._transport.write(self._response)


class _Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(data)


async def _serve(pipe, http: int, echo: int):
    loop = asyncio.get_running_loop()
    servers = []
    for i in range(http + echo):
        slot: dict[str, bytes] = {}
        make = (lambda slot=slot: _Http(slot["body"])) if i < http else _Echo
        server = await loop.create_server(make, "127.0.0.1", 0, backlog=4096)
        slot["body"] = str(server.sockets[0].getsockname()[1]).encode()
        servers.append(server)
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    pipe.send((ports[:http], ports[http:]))
    await loop.run_in_executor(None, pipe.recv)


class Backends:
    """Instances in one process: each HTTP one answers with its port. Use as a context manager."""

    def __init__(self, http: int = 0, echo: int = 0):
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(
            target=lambda: asyncio.run(_serve(theirs, http, echo)), daemon=True
        )
        self._process.start()
        self.http, self.echo = self._pipe.recv()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()


@dataclass
class Result:
    """What a load has seen."""

    requests: int = 0
    keep_alive_requests: int = 0
    echoes: int = 0
    seconds: float = 0
    failures: list[str] = field(default_factory=list)
    broken_long_lived: int = 0
    slowest_ms: float = 0

    def add(self, other: "Result") -> None:
        """Takes in what another process has seen at the same time."""
        self.requests += other.requests
        self.keep_alive_requests += other.keep_alive_requests
        self.echoes += other.echoes
        self.seconds = max(self.seconds, other.seconds)
        self.failures += other.failures
        self.broken_long_lived += other.broken_long_lived
        self.slowest_ms = max(self.slowest_ms, other.slowest_ms)

    @property
    def rate(self) -> float:
        """New connections per second."""
        return self.requests / self.seconds if self.seconds else 0

    def __str__(self) -> str:
        return (
            f"{self.requests} requests on new connections ({self.rate:.0f}/s), "
            f"{self.keep_alive_requests} on kept ones, {self.echoes} echoes: "
            f"{len(self.failures)} failed, {self.broken_long_lived} long-lived broken, "
            f"slowest {self.slowest_ms:.0f} ms"
        )


def _request_once(port: int) -> str:
    """One request on a connection of its own. @return "" or what went wrong"""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n")
            while octets := connection.recv(65536):
                answer += octets
    except OSError as error:
        return repr(error)
    return "" if answer.startswith(b"HTTP/1.1 200 ") else repr(answer[:60])


def _open_connections(pipe, port: int, rate: float):
    """New connections at a steady pace; one that takes long is made up for after it."""
    result = Result()
    started = due = time.monotonic()
    pipe.send("started")
    while not pipe.poll():
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        before = time.monotonic()
        failure = _request_once(port)
        result.requests += 1
        result.slowest_ms = max(result.slowest_ms, (time.monotonic() - before) * 1000)
        if failure:
            result.failures.append(f"{time.time():.3f} new: {failure}")
    result.seconds = time.monotonic() - started
    pipe.send(result)


class _KeptConnections:
    """Keep-alive clients and long-lived connections."""

    def __init__(self, http_port, echo_port, kept, long_lived):
        self._http, self._echo = http_port, echo_port
        self._kept, self._long_lived = kept, long_lived
        self._result = Result()
        self._request = b"GET / HTTP/1.1\r\nHost: load\r\n\r\n"
        self._is_over = False

    async def run(self, pipe) -> Result:
        """Until something arrives on the pipe."""
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._keep_alive()) for _ in range(self._kept)]
        tasks += [asyncio.create_task(self._long()) for _ in range(self._long_lived)]
        pipe.send("started")
        await loop.run_in_executor(None, pipe.recv)
        self._is_over = True
        await asyncio.gather(*tasks)
        return self._result

    def _fail(self, what: str, error: object) -> None:
        self._result.failures.append(f"{time.time():.3f} {what}: {error!r}")

    async def _keep_alive(self):
        writer = None
        while not self._is_over:
            try:
                async with asyncio.timeout(_PATIENCE):
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self._http)
                    writer.write(self._request)
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
                    await reader.readexactly(length)
                self._result.keep_alive_requests += 1
                if not head.startswith(b"HTTP/1.1 200 "):
                    self._fail("kept", head[:60])
                if b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self._fail("kept", error)
                if writer:
                    writer.close()
                writer = None
            await asyncio.sleep(0.1)
        if writer:
            writer.close()

    async def _long(self):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._echo)
            while not self._is_over:
                async with asyncio.timeout(_PATIENCE):
                    writer.write(b"x")
                    await reader.readexactly(1)
                self._result.echoes += 1
                await asyncio.sleep(0.05)
            writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._result.broken_long_lived += 1
            self._fail("long-lived", error)


def _keep_connections(pipe, *arguments):
    pipe.send(asyncio.run(_KeptConnections(*arguments).run(pipe)))


class Load:
    """Traffic from processes of its own: @rate new connections a second, @kept keep-alive clients
    (10 requests a second each), @long_lived connections that echo. Use as a context manager; the
    result is there after it."""

    def __init__(self, http_port, echo_port=0, *, rate=1000, kept=50, long_lived=20):
        self._clients = [
            _Client(_open_connections, http_port, rate / _OPENERS) for _ in range(_OPENERS)
        ]
        self._clients.append(
            _Client(_keep_connections, http_port, echo_port, kept, long_lived if echo_port else 0)
        )
        self.result = Result()

    def __enter__(self):
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_):
        for client in self._clients:
            client.ask_to_stop()
        for client in self._clients:
            self.result.add(client.finish())


class _Client:
    """A process that makes traffic."""

    def __init__(self, function, *arguments):
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=function, args=(theirs, *arguments), daemon=True)

    def start(self) -> None:
        """Waits until it is at work."""
        self._process.start()
        assert self._pipe.recv() == "started"

    def ask_to_stop(self) -> None:
        """It ends after what it has begun."""
        self._pipe.send("stop")

    def finish(self) -> Result:
        """What it has seen."""
        assert self._pipe.poll(60), "a client hangs"
        result = self._pipe.recv()
        self._process.join()
        return result
