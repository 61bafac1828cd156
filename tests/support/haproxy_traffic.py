# SPDX-License-Identifier: MIT
# Instances and clients for load through HAProxy, each in a process of its own.
"""Backends that answer HTTP or echo, and a load that counts every failure."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass, field

_context = multiprocessing.get_context("fork")
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
_PATIENCE = 10.0


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


class _Load:
    def __init__(self, http_port, echo_port, rate, kept, long_lived):
        self._http, self._echo, self._rate = http_port, echo_port, rate
        self._kept, self._long_lived = kept, long_lived
        self._result = Result()
        self._request = b"GET / HTTP/1.1\r\nHost: load\r\n\r\n"
        self._is_over = False

    async def run(self, pipe) -> Result:
        """Until something arrives on the pipe."""
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._keep_alive()) for _ in range(self._kept)]
        tasks += [asyncio.create_task(self._long()) for _ in range(self._long_lived)]
        tasks.append(asyncio.create_task(self._new_connections()))
        started = time.monotonic()
        pipe.send("started")
        await loop.run_in_executor(None, pipe.recv)
        self._is_over = True
        await asyncio.gather(*tasks)
        self._result.seconds = time.monotonic() - started
        return self._result

    def _fail(self, what: str, error: object) -> None:
        self._result.failures.append(f"{time.time():.3f} {what}: {error!r}")

    async def _new_connections(self):
        pending: set = set()
        due = time.monotonic()
        while not self._is_over:
            due += 0.01
            for _ in range(max(1, self._rate // 100)):
                task = asyncio.create_task(self._one())
                pending.add(task)
                task.add_done_callback(pending.discard)
            await asyncio.sleep(max(0, due - time.monotonic()))
        await asyncio.gather(*pending)

    async def _one(self):
        self._result.requests += 1
        started = time.monotonic()
        writer = None
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._http)
                writer.write(b"GET / HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n")
                answer = await reader.read()
            if not answer.startswith(b"HTTP/1.1 200 "):
                self._fail("new", answer[:60])
        except (OSError, TimeoutError) as error:
            self._fail("new", error)
        finally:
            if writer:
                writer.close()
        elapsed = (time.monotonic() - started) * 1000
        self._result.slowest_ms = max(self._result.slowest_ms, elapsed)

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


def _run_load(pipe, *arguments):
    pipe.send(asyncio.run(_Load(*arguments).run(pipe)))


class Load:
    """Traffic from a process of its own: @rate new connections a second, @kept keep-alive clients
    (10 requests a second each), @long_lived connections that echo. Use as a context manager; the
    result is there after it."""

    def __init__(self, http_port, echo_port=0, *, rate=1000, kept=50, long_lived=20):
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(
            target=_run_load,
            args=(theirs, http_port, echo_port, rate, kept, long_lived if echo_port else 0),
            daemon=True,
        )
        self.result = Result()

    def __enter__(self):
        self._process.start()
        assert self._pipe.recv() == "started"
        return self

    def __exit__(self, *_):
        self._pipe.send("stop")
        if self._pipe.poll(30):
            self.result = self._pipe.recv()
        self._process.kill()
        self._process.join()
