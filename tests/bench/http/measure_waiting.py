#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how soon many waiting clients of the HTTP API are told of a change, and what they cost.
"""Holds long polls and event streams open at one api-server, changes the state again and again, and
takes the time from the last octet of the new state until each client has its first octet. The
clients are one process that reads them in turn, so its own time is in the figures.
Exit code 1: somebody was told later than --limit."""

from __future__ import annotations

import argparse
import re
import select
import socket
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "support"))

from lone_worker import LoneWorker, staged  # noqa: E402
from snapshot_frames import App, Instance, Port  # noqa: E402
from waiting import wait_for  # noqa: E402


def apps(count: int, port: int) -> list[App]:
    """All the same but for one, whose instance has that port."""
    return [App(f"/bench/service-{i:05}", [Port(10000 + i, "tcp")],
                [Instance("10.0.0.1", [port if i == 0 else 31000])]) for i in range(count)]


def ask(port: int, target: str, fields: str = "") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
    return client


def memory(pid: int) -> float:
    """Proportional share, MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"Pss:\s+(\d+)", text)[1]) / 1024


def cpu(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def drain(clients: list[socket.socket]) -> None:
    """Reads until nothing has come for a while."""
    while readable := select_all(clients, 0.3):
        for client in readable:
            client.recv(1 << 20)


def select_all(clients: list[socket.socket], timeout: float) -> list[socket.socket]:
    poll = select.poll()
    by_fd = {client.fileno(): client for client in clients}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poll.poll(timeout * 1000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=Path, help="meson's build folder")
    parser.add_argument("--polls", type=int, default=500)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--limit", type=float, default=100, help="milliseconds")
    arguments = parser.parse_args()
    target = "/v1/instances/bench/service-00000"

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    port = listener.getsockname()[1]
    with staged(arguments.build / "workers/api-server/mmsd-api-server") as executable, LoneWorker(
        executable, "api-server", sockets=[("api-tcp", listener)]
    ) as worker:
        listener.close()
        worker.ready()
        worker.apply(apps(arguments.apps, 30000))
        alone = memory(worker.pid)
        streams = [ask(port, "/v1/events") for _ in range(arguments.streams)]
        drain(streams)
        latest, times = [], []
        for number in range(1, arguments.rounds + 1):
            first = ask(port, target)
            tag = re.search(rb"ETag: (\S+)", first.recv(65536))[1].decode()
            first.close()
            polls = [ask(port, target + "?wait=5m", f"If-None-Match: {tag}\r\n")
                     for _ in range(arguments.polls)]
            wait_for("all to wait", lambda: worker.report().value("http_held_requests")
                     == arguments.polls)
            clients = [*polls, *streams]
            waiting = {client.fileno(): client for client in clients}
            poll = select.epoll()
            for fd in waiting:
                poll.register(fd, select.EPOLLIN | select.EPOLLONESHOT)
            full = memory(worker.pid)
            used = cpu(worker.pid)
            worker.offer(apps(arguments.apps, 30000 + number))
            begin = time.monotonic()
            while waiting:
                for fd, _ in poll.poll(10, 256) or sys.exit("nobody is told any more"):
                    times.append((time.monotonic() - begin) * 1e3)
                    assert waiting.pop(fd).recv(65536)
            latest.append(times[-1])
            used = cpu(worker.pid) - used
            for client in polls:
                client.close()
            drain(streams)
        print(f"{arguments.polls} long polls + {arguments.streams} streams, {arguments.apps} apps, "
              f"{arguments.rounds} changes: told after {statistics.median(times):.1f} ms (median), "
              f"the last one {statistics.median(latest):.1f} ms (median), {max(latest):.1f} ms "
              f"(worst); CPU {used * 1e3:.1f} ms per change; memory {alone:.1f} -> {full:.1f} MiB, "
              f"{(full - alone) * 1024 / (arguments.polls + arguments.streams):.1f} KiB a client")
        sys.exit(1 if max(latest) > arguments.limit else 0)


if __name__ == "__main__":
    main()
