# SPDX-License-Identifier: MIT
# SIGUSR2 with the real workers under load of every kind: nobody outside may notice.
"""Upgrade in place, end to end."""

from __future__ import annotations

import http.client
import os
import pathlib
import shutil
import signal
import socket
import struct
import threading
import time

import pytest
from haproxy_traffic import Backends, Load
from inotify import FolderWatch
from mmsd_harness import PROCESSES
from udp_paced_load import PacedLoad
from udp_peers import EchoInstance, is_answered
from waiting import free_port, wait_for

dns = pytest.importorskip("dns")
import dns.message  # noqa: E402
from whole_cluster import (  # noqa: E402
    EVERY, Cluster, all_applied, has_applied, haproxies, is_routed, shows,
)

_REFUSED = "cannot execute anew, this version goes on"


class Background:
    """Does one thing again and again in a thread. Use as a context manager."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.done = 0
        self.failures: list[str] = []

    def step(self) -> None:
        """One time; what it raises is a failure."""
        raise NotImplementedError

    def finish(self) -> None:
        """Called once at the end."""

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.step()
                self.done += 1
            except (OSError, AssertionError, http.client.HTTPException) as error:
                self.failures.append(f"{time.time():.3f} {error!r}")
        self.finish()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._is_over.set()
        self._thread.join()


class ApiRequests(Background):
    """Requests to the API, each on a connection of its own."""

    def __init__(self, mmsd) -> None:
        super().__init__()
        self._mmsd = mmsd

    def step(self) -> None:
        assert self._mmsd.get("/v1/instances/shop/web").status == 200
        time.sleep(0.005)


class FileReads(Background):
    """Looks whether the file is there, and whole."""

    def __init__(self, path: pathlib.Path, content: bytes) -> None:
        super().__init__()
        self._path, self._content = path, content

    def step(self) -> None:
        assert self._path.read_bytes() == self._content
        time.sleep(0.001)


class DnsQueries(Background):
    """Queries at a steady pace on one socket; every one must be answered, and well."""

    def __init__(self, port: int, per_second: int) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._query = dns.message.make_query("web.shop.mmsd.", "A").to_wire()[2:]
        self._pause = 1 / per_second
        self._due = time.monotonic()
        self._open: set[int] = set()

    def step(self) -> None:
        number = self.done & 0xFFFF
        self._socket.send(struct.pack("!H", number) + self._query)
        self._open.add(number)
        self._due += self._pause
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._receive()

    def _receive(self) -> None:
        try:
            while True:
                answer = self._socket.recv(4096)
                number, flags, _, count = struct.unpack_from("!4H", answer)
                self._open.discard(number)
                assert flags & 0xF == 0 and count == 1, answer[:12].hex()
        except BlockingIOError:
            pass

    def finish(self) -> None:
        end = time.monotonic() + 5
        while self._open and time.monotonic() < end:
            self._receive()
            time.sleep(0.01)
        self.failures += [f"no answer to query {number}" for number in sorted(self._open)]


@pytest.fixture
def upgradable(executables, tmp_path_factory):
    """Copies of all executables that a test may replace."""
    folder = tmp_path_factory.mktemp("upgradable")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)
    for path in executables.iterdir():
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def running(make_double, make_mmsd, upgradable):
    """@return cluster, UDP port, running mmsd that exposes both"""
    instance = EchoInstance("a")
    udp_port = free_port()
    with Backends(http=4) as backends:
        double = make_double("1.8", hosts=["127.0.0.1"])
        cluster = Cluster(double, backends)
        double.add_app("/echo", instances=0, network="bridge",
                       ports=[{"service_port": udp_port, "protocol": "udp"}])
        double.server.operations.apps["/echo"].ports[0].host_port = instance.port
        double.scale("/echo", 1)
        mmsd = make_mmsd(double, *cluster.flags())
        mmsd.executables = upgradable
        mmsd.start()
        wait_for("the app behind HAProxy", lambda: is_routed(cluster.service_port))
        wait_for("all workers to have applied it", lambda: all_applied(mmsd))
        wait_for("datagrams to pass", lambda: is_answered(udp_port))
        yield cluster, udp_port, mmsd
        if mmsd.process.poll() is None:
            mmsd.stop()
        for pid in haproxies(mmsd):
            os.kill(pid, signal.SIGKILL)
    instance.kill()


def install(mmsd, name: str = "mmsd", content: bytes | None = None) -> None:
    """Replaces an executable as a package manager does."""
    path = mmsd.executables / name
    new = path.with_suffix(".dpkg-new")
    new.write_bytes(path.read_bytes() if content is None else content)
    new.chmod(0o755)
    new.rename(path)


def is_replaced(mmsd, before: dict[str, int]) -> bool:
    return all(
        mmsd.pid(name) not in (0, before[name]) and has_applied(mmsd, name) for name in EVERY
    ) and all_applied(mmsd)


def test_upgrade_under_load_loses_nothing(running):
    cluster, udp_port, mmsd = running
    (haproxy,) = haproxies(mmsd)
    file = mmsd.confd / "shop.web.instances"
    web = Load(cluster.service_port, rate=300, kept=10)
    datagrams = PacedLoad(udp_port, clients=4, per_second=300)
    queries = DnsQueries(cluster.dns_port, per_second=1000)
    api, reads = ApiRequests(mmsd), FileReads(file, file.read_bytes())
    with FolderWatch(mmsd.confd) as changes:
        with web, datagrams, queries, api, reads:
            for _ in range(3):
                before = {name: mmsd.pid(name) for name in EVERY}
                for name in ("mmsd", *(pathlib.Path(path).name for _, path in EVERY.values())):
                    install(mmsd, name)
                mmsd.process.send_signal(signal.SIGUSR2)
                wait_for("all to be new", lambda before=before: is_replaced(mmsd, before))
        touched = {name for name in changes.changed(0) if not name.startswith(".")}
    print(web.result, f"{sum(datagrams.sent)} datagrams, {queries.done} DNS queries,"
          f" {api.done} API requests, {reads.done} reads")
    assert mmsd.process.poll() is None
    exe = f"/proc/{mmsd.process.pid}/exe"
    assert os.readlink(exe) == str(mmsd.executables / "mmsd")
    assert not web.result.failures, web.result
    assert web.result.requests > 0 and web.result.keep_alive_requests > 0
    assert datagrams.total_missing() == 0 and sum(datagrams.sent) > 0
    for each in (queries, api, reads):
        assert not each.failures and each.done > 0, (type(each).__name__, each.failures[:5])
    assert not touched, "files were written though nothing changed"
    assert haproxies(mmsd) == [haproxy], "taken over, not replaced"
    cluster.grow()
    wait_for("a change everywhere", lambda: shows(cluster, mmsd))
    assert mmsd.stop() == 0
    wait_for("HAProxy's end", lambda: not haproxies(mmsd))


def test_upgrade_while_marathon_is_away_keeps_the_state(running):
    cluster, _, mmsd = running
    cluster.double.stop()
    before = {name: mmsd.pid(name) for name in EVERY}
    mmsd.process.send_signal(signal.SIGUSR2)
    wait_for("all to be new", lambda: is_replaced(mmsd, before))
    assert shows(cluster, mmsd)


@pytest.mark.parametrize("what", ["binary", "configuration", "worker"])
def test_refused_upgrade_changes_nothing(running, what):
    cluster, udp_port, mmsd = running
    (haproxy,) = haproxies(mmsd)
    before = {name: mmsd.pid(name) for name in EVERY}
    load = Load(cluster.service_port, rate=200, kept=10)
    with load:
        if what == "binary":
            install(mmsd, content=b"\x7fELF torn")
        elif what == "configuration":
            mmsd.config.write_text("dns-ttl = soon\n")
        else:
            (mmsd.executables / pathlib.Path(PROCESSES["confd-writer"][1]).name).unlink()
        mmsd.process.send_signal(signal.SIGUSR2)
        wait_for("the refusal", lambda: _REFUSED in mmsd.log)
    assert not load.result.failures, load.result
    assert {name: mmsd.pid(name) for name in EVERY} == before
    assert haproxies(mmsd) == [haproxy]
    cluster.grow()
    wait_for("a change everywhere", lambda: shows(cluster, mmsd))
    assert is_answered(udp_port)
