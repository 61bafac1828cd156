# SPDX-License-Identifier: MIT
# Clients that are slow on purpose: others are served meanwhile, and the slow ones are cut.
"""HTTP API against slowhttptest: slow headers, slow bodies, slow reading."""

from __future__ import annotations

import contextlib
import http.client
import resource
import shutil
import socket
import subprocess
import time

import pytest
from lone_worker import LoneWorker, built, staged
from snapshot_frames import App

_CONNECTIONS = 1000
_GIVE_UP = 120  # seconds, of slowhttptest
_ATTACKS = {
    "headers": ["-H"],
    "body": ["-B", "-s", "60000", "-x", "10"],
    # Small windows, little read at a time, and more asked for than the sockets hold.
    "reading": ["-X", "-k", "10", "-w", "10", "-y", "20", "-n", "5", "-z", "32"],
}
# Until the last one is cut: what README.md tells (the lingering of 2 s included), and what a busy
# machine may need to open and to close a thousand connections.
_CUT_AFTER = {"headers": 12, "body": 12, "reading": 32}
_SLACK = 30
_APPS = [App(f"/{'long-name-' * 10}/number-{i:05}", [], []) for i in range(2000)]
_ANSWER = "".join(f"{app.id}\n" for app in _APPS).encode()


@pytest.fixture(scope="module")
def executable():
    """The api-server, where every user can run it."""
    if shutil.which("slowhttptest") is None:
        pytest.skip("no slowhttptest")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2 * _CONNECTIONS:
        pytest.skip(f"needs {2 * _CONNECTIONS} open files, may have {hard}")
    with staged(built("workers/api-server/mmsd-api-server")) as path:
        yield path


@contextlib.contextmanager
def serving(executable, prefix=()):
    """An api-server alone, with its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    port = listener.getsockname()[1]
    with LoneWorker(
        executable, "api-server", sockets=[("api-tcp", listener)], prefix=prefix
    ) as worker:
        listener.close()
        worker.ready()
        assert worker.apply(_APPS)[0] == "applied"
        yield worker, port


def attack(kind: str, port: int) -> subprocess.Popen:
    """Starts so many slow clients as fast as they get in. Does not always see that it is cut."""
    return subprocess.Popen(
        ["slowhttptest", *_ATTACKS[kind], "-c", str(_CONNECTIONS), "-r", "500", "-i", "1",
         "-l", str(_GIVE_UP), "-p", "5", "-v", "1", "-u", f"http://127.0.0.1:{port}/v1/apps"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ask(port: int) -> float:
    """One request as any client makes it. @return how long it took, in seconds"""
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/v1/apps")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == _ANSWER
    connection.close()
    return time.monotonic() - begin


def resident(worker) -> int:
    """Octets."""
    with open(f"/proc/{worker.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) * 1024


def serve_through(worker, port: int, attacks: list[subprocess.Popen], is_over):
    """Asks until @is_over(connections now, connections at most, seconds).

    @return times, most connections, most memory"""
    times, most, memory = [], 0, 0
    begin = time.monotonic()
    try:
        while True:
            times.append(ask(port))
            now = int(worker.report().value("http_connections"))
            most = max(most, now)
            memory = max(memory, resident(worker))
            if is_over(now, most, time.monotonic() - begin):
                return times, most, memory
            time.sleep(0.05)
    finally:
        for each in attacks:
            each.terminate()
            each.wait()
            each.stdout.close()


@pytest.mark.parametrize("kind", _ATTACKS)
def test_slow_clients_are_cut_and_others_served(executable, kind, record_property):
    with serving(executable) as (worker, port):
        before = resident(worker)
        begin = time.monotonic()
        limit = _CUT_AFTER[kind] + _SLACK
        times, most, memory = serve_through(
            worker, port, [attack(kind, port)],
            lambda now, most, age: (now < 5 and most > _CONNECTIONS / 2) or age > limit,
        )
        duration = time.monotonic() - begin
        figures = (f"{kind}: all cut after {duration:.1f} s, {most} connections, {len(times)} "
                   f"requests of others, slowest {max(times) * 1e3:.0f} ms, "
                   f"memory +{(memory - before) / 2**20:.1f} MiB")
        print(figures)
        record_property("figures", figures)
        assert duration < limit, figures
        assert len(times) > 20, figures
        assert memory - before < 100 * 2**20, figures
        assert worker.report().value("http_connections_refused_total") == 0


def test_room_is_made_for_others(executable, record_property):
    """Fewer descriptors than slow clients: these lose their place, nobody else is refused."""
    with serving(executable, prefix=("prlimit", "--nofile=500:500")) as (worker, port):
        slow = [attack("headers", port), attack("reading", port)]
        times, most, _ = serve_through(worker, port, slow, lambda now, most, age: age > 15)
        report = worker.report()
        evicted = report.value("http_connections_evicted_total")
        figures = (f"{most} connections at most, {evicted:.0f} evicted, {len(times)} requests of "
                   f"others, slowest {max(times) * 1e3:.0f} ms")
        print(figures)
        record_property("figures", figures)
        assert most <= 500 and evicted > 0, figures
        assert len(times) > 20, figures
        assert report.value("http_connections_refused_total") == 0
