#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# A stand-in for Marathon: its HTTP API and event stream, as one release or another serves them.
"""Marathon double, as a program and as a Python object.

As a program it prints `listening URL` and serves until it is ended; POST /_control/OPERATION with
a JSON object of arguments does what the Python methods of the same name do, for example
    curl -d '{"app_id":"/web","instances":3}' http://127.0.0.1:PORT/_control/add_app
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import functools
import signal
import threading

from marathon_http import Request
from marathon_operations import OPERATIONS
from marathon_server import MarathonServer


def _exposed(operation):
    """Makes an operation callable from another thread."""

    @functools.wraps(operation)
    def call(self, *arguments, **keywords):
        return self.run(operation(self.server.operations, *arguments, **keywords))

    return call


class MarathonDouble:
    """A MarathonServer with an event loop and a thread of its own; a context manager.

    Besides the methods here it has every operation of Operations (add_app, scale, …).
    """

    def __init__(self, generation="1.5", port=0, **options) -> None:
        """Starts serving. @options: see MarathonServer"""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = MarathonServer(generation, **options)
        self.run(self.server.open(port))

    def __enter__(self) -> MarathonDouble:
        return self

    def __exit__(self, *_exception) -> None:
        self.stop()

    def run(self, coroutine):
        """Runs a coroutine in the double's loop and waits for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def pause(self) -> None:
        """Goes away as a crashed Marathon does: refuses connections; the state stays."""
        self.run(self.server.close())

    def resume(self) -> None:
        """Comes back on the same port."""
        self.run(self.server.open())

    def stop(self) -> None:
        """Ends the double for good."""
        if self._thread.is_alive():
            self.run(self.server.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def counters(self) -> collections.Counter[str]:
        return self.server.counters

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    @property
    def open_streams(self) -> int:
        return len(self.server.operations.bus.streams)

    def app(self, app_id: str):
        """The App of that id; only to be read."""
        return self.server.operations.apps[app_id]


for _name, _operation in OPERATIONS.items():
    setattr(MarathonDouble, _name, _exposed(_operation))


async def _main(options: argparse.Namespace) -> None:
    tls = (options.tls_cert, options.tls_key) if options.tls_cert else None
    server = MarathonServer(
        options.generation, options.hosts.split(",") if options.hosts else None,
        options.heartbeat, options.auth, tls, options.prefix, options.standby_for,
        is_chunked=options.chunked,
    )
    if options.generate:
        apps, _, tasks = options.generate.partition("x")
        await server.operations.generate(int(apps), int(tasks))
    await server.open(options.port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"listening {server.url}", flush=True)
    await stop.wait()
    await server.close()


def main() -> None:
    """Runs the double as a program."""
    parser = argparse.ArgumentParser(description="A stand-in for Marathon on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 = a free one (default)")
    parser.add_argument("--generation", default="1.5", help="0.8 … 1.10, or a full version")
    parser.add_argument("--generate", metavar="APPSxTASKS", help="start with so many")
    parser.add_argument("--hosts", help="comma-separated agents")
    parser.add_argument("--heartbeat", type=float, default=10.0, help="seconds")
    parser.add_argument("--auth", help="user:password or token=…")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--prefix", default="", help="path in front of everything")
    parser.add_argument("--standby-for", metavar="URL", help="play a node that does not lead")
    parser.add_argument("--chunked", action="store_true", help="chunked answers")
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
