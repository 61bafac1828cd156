#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how long a change in Marathon takes until every output is right, and what it costs.
"""Convergence times. Usage (as root): convergence.py BUILD_DIR [--apps N] [--tasks M] [--all] …

The clock starts when the double changes its state, before it writes the first event, and stops
when the reader of the file, the API, DNS (SRV) or HAProxy's server list sees the new state. What
each process spends on one change, and what is asked of Marathon, is printed, too. Exit code 1: a
median is over the limit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

_SUPPORT = pathlib.Path(__file__).resolve().parent.parent / "support"
sys.path.insert(0, str(_SUPPORT))

import mmsd_harness  # noqa: E402
from inotify import FolderWatch  # noqa: E402
from waiting import free_port, wait_for  # noqa: E402

import dns.message  # noqa: E402
import dns.query  # noqa: E402

_DEADLINE = 30.0
_FIRST_PORT = 20000
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Times:
    """Milliseconds until each output was right."""

    file: list[float] = field(default_factory=list)
    api: list[float] = field(default_factory=list)
    dns: list[float] = field(default_factory=list)
    haproxy: list[float] = field(default_factory=list)


class Double:
    """The Marathon double in a process of its own, so that it costs this one nothing."""

    def __init__(self, generation: str, apps: int, tasks: int) -> None:
        self._process = subprocess.Popen(
            ["/usr/bin/python3", str(_SUPPORT / "marathon_double.py"), "--generation", generation],
            stdout=subprocess.PIPE, text=True,
        )
        self.url = self._process.stdout.readline().split()[1]
        self("generate", apps=apps, tasks=tasks, first_port=_FIRST_PORT)

    def __call__(self, operation: str, **arguments) -> int:
        """@return CLOCK_MONOTONIC in ns when the state changed"""
        data = json.dumps(arguments).encode()
        with urllib.request.urlopen(f"{self.url}/_control/{operation}", data) as answer:
            return json.load(answer)["startedAt"]

    def counters(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/_control/counters") as answer:
            return json.load(answer)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def content_of(path: pathlib.Path) -> bytes | None:
    """A file's content; None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


class Bench:
    """Changes the double and watches a running mmsd."""

    def __init__(
        self, double: Double, mmsd: mmsd_harness.Mmsd, watch: FolderWatch, pause: float,
        dns_port: int = 0,
    ) -> None:
        """@pause: seconds of quiet before each change; @dns_port: 0 = no DNS, no HAProxy."""
        self._double = double
        self._pause = pause
        self._mmsd = mmsd
        self._watch = watch
        self._dns_port = dns_port
        self._connection = http.client.HTTPConnection("127.0.0.1", mmsd.api_port)
        self.times: dict[str, Times] = {}

    def instances(self, app_id: str) -> tuple[int, int]:
        """(status, number of lines) of the API's instances."""
        self._connection.request("GET", f"/v1/instances{app_id}")
        answer = self._connection.getresponse()
        return answer.status, len(answer.read().splitlines())

    def records(self, app_id: str) -> int:
        """How many SRV records DNS has for an app."""
        name = ".".join(app_id.strip("/").split("/")[::-1]) + ".mmsd."
        query = dns.message.make_query(name, "SRV", use_edns=0, payload=4096)
        answer = dns.query.udp(query, "127.0.0.1", port=self._dns_port, timeout=10)
        return sum(len(rrset) for rrset in answer.answer)

    def servers(self, app_id: str) -> int:
        """How many servers of an app HAProxy gives new connections."""
        sockets = (self._mmsd.state / "haproxy").glob("*.sock")
        newest = max(sockets, key=lambda path: int(path.stem.rpartition("-")[2]))
        backend = "b_" + app_id.strip("/").replace("/", "_") + "_0"
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(newest))
            link.sendall(f"show servers state {backend}\n".encode())
            text = b""
            while part := link.recv(65536):
                text += part
        rows = [line.split() for line in text.decode().splitlines()[2:]]
        return sum(len(row) > 6 and row[6] == "0" for row in rows)

    def change(
        self, kind: str, app_id: str, is_file_right: Callable[[bytes | None], bool],
        api: tuple[int, int] | None, operation: str, **arguments,
    ) -> None:
        """Does one change, and waits for the file's content and the API's (status, lines).

        @api: None where the API does not show the change
        """
        time.sleep(self._pause)
        path = self._mmsd.confd / (app_id.strip("/").replace("/", ".") + ".instances")
        self._watch.changed(0)
        began = self._double(operation, app_id=app_id, **arguments)
        probes = {"file": lambda: is_file_right(content_of(path))}
        if api:
            probes["api"] = lambda: self.instances(app_id) == api
        # An app that comes or goes costs HAProxy a reload: haproxy_convergence.py measures that.
        if api and self._dns_port and kind not in ("remove app", "add app"):
            probes["dns"] = lambda: self.records(app_id) == api[1]
            probes["haproxy"] = lambda: self.servers(app_id) == api[1]
        times = self.times.setdefault(kind, Times())
        while probes:
            for output in [name for name, is_right in probes.items() if is_right()]:
                getattr(times, output).append((time.monotonic_ns() - began) / 1e6)
                del probes[output]
            if probes:
                self._watch.changed(0.0005)
            if time.monotonic_ns() - began > _DEADLINE * 1e9:
                raise SystemExit(f"{kind} of {app_id}: {', '.join(probes)} not right within "
                                 f"{_DEADLINE:g} s")

    def round(self, app_id: str, tasks: int, number: int, is_short: bool) -> None:
        """One change of each kind; the app is as before at the end."""

        def lists(count: int) -> Callable[[bytes | None], bool]:
            def check(content: bytes | None) -> bool:
                if content is None:
                    return False
                return len(content.split(b"\n\n", 1)[1].splitlines()) == count

            return check

        def has_proto(word: str) -> Callable[[bytes | None], bool]:
            line = f"Service-Application-Proto: {word}\n".encode()
            return lambda content: content is not None and line in content

        def serving(count: int) -> tuple[int, int]:
            return (200, count) if count else (204, 0)

        self.change("scale up", app_id, lists(tasks + 1), serving(tasks + 1), "scale",
                    instances=tasks + 1)
        self.change("scale down", app_id, lists(tasks), serving(tasks), "scale", instances=tasks)
        self.change("unhealthy", app_id, lists(tasks - 1), serving(tasks - 1), "set_health",
                    task=number % tasks, alive=False)
        self.change("healthy", app_id, lists(tasks), serving(tasks), "set_health",
                    task=number % tasks, alive=True)
        if is_short:
            return
        self.change("relabel", app_id, has_proto("smtp"), None, "relabel",
                    labels={"proto": "smtp"})
        self.change("remove app", app_id, lambda content: content is None, (404, 1), "remove_app")
        self.change("add app", app_id, lists(tasks), serving(tasks), "add_app",
                    instances=tasks, health_checks=1)

    def report(self, limit: float) -> bool:
        """Prints the table. @return whether every median is within @limit ms"""
        names = ("file", "api", "dns", "haproxy") if self._dns_port else ("file", "api")
        heading = "".join(f"{name + ': median':>18}{'p99':>8}" for name in names)
        print(f"{'ms until right':14}{heading}     n")
        is_well = True
        for kind, times in self.times.items():
            cells = f"{kind:14}"
            for name in names:
                series = getattr(times, name)
                if not series:
                    cells += f"{'':26}"
                    continue
                median = statistics.median(series)
                last = statistics.quantiles(series, n=100)[98] if len(series) > 1 else median
                cells += f"{median:18.1f}{last:8.1f}"
                is_well = is_well and median <= limit
            print(f"{cells}  {len(times.file):4}")
        return is_well


def memory(pid: int) -> tuple[float, float]:
    """MiB resident, now and at most."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        values = dict(line.split(":", 1) for line in lines)
    return tuple(int(values[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def print_memory(mmsd: mmsd_harness.Mmsd, *others: str) -> None:
    """Resident memory of each process, now and at most."""
    print("\nMiB resident           now     peak")
    for name, pid in {**mmsd.pids(), **{name: mmsd.pid(name) for name in others}}.items():
        now, peak = memory(pid)
        print(f"{name:18}{now:8.1f} {peak:8.1f}")


class Costs:
    """What processes have spent, and what was asked of Marathon, since this was made."""

    def __init__(self, double: Double, mmsd: mmsd_harness.Mmsd, names: list[str]) -> None:
        self._double = double
        self._pids = {name: mmsd.pid(name) for name in names}
        self._pids["mmsd"] = mmsd.process.pid
        self._before = self.cpu()
        self._asked = double.counters()

    def cpu(self) -> dict[str, float]:
        """Seconds by process."""
        spent = {}
        for name, pid in self._pids.items():
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            spent[name] = (int(fields[11]) + int(fields[12])) / _TICK
        return spent

    def print(self, changes: int) -> None:
        """CPU time per change, memory, and what one change asked of Marathon."""
        print(f"\n{'':18}{'CPU ms/change':>14}{'MiB now':>10}{'peak':>8}")
        for name, spent in self.cpu().items():
            now, peak = memory(self._pids[name])
            cost = (spent - self._before[name]) * 1000 / changes
            print(f"{name:18}{cost:14.2f}{now:10.1f}{peak:8.1f}")
        asked = self._double.counters()
        told = {key: asked[key] - self._asked.get(key, 0) for key in asked}
        print(f"asked of Marathon: {told.get('app', 0) / changes:.2f} single and "
              f"{told.get('apps', 0)} full fetches, "
              f"{told.get('bodyOctets', 0) / changes:.0f} octets per change")


def has_applied(mmsd: mmsd_harness.Mmsd, names: list[str]) -> bool:
    """True once every worker has applied a snapshot."""
    found = {each["name"]: each["generation"] for each in mmsd.status()["processes"]}
    return all(found.get(name, 0) > 0 for name in names if name != "marathon-watcher")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures convergence times of mmsd.")
    parser.add_argument("build", type=pathlib.Path, help="meson's build folder")
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--changes", type=int, default=100, help="of each kind")
    parser.add_argument(
        "--pause-ms", type=float, default=150.0,
        help="quiet before each change; without, most changes meet the 50 ms in which events join, "
             "and more than ten in a second wait for their turn",
    )
    parser.add_argument("--all", action="store_true",
                        help="all workers; only changes of instances, as the rest costs reloads")
    parser.add_argument("--generation", default="1.8")
    parser.add_argument("--limit-ms", type=float, default=100.0, help="for each median")
    options = parser.parse_args()

    if os.geteuid() == 0:
        mmsd_harness.ensure_users()
    executables = mmsd_harness.stage_executables(options.build)
    double = Double(options.generation, options.apps, options.tasks)
    mmsd = mmsd_harness.Mmsd(executables, f"--marathon-url={double.url}")
    names = list(mmsd_harness.PROCESSES)
    dns_port = 0
    if options.all:
        dns_port = free_port()
        names += list(mmsd_harness.OPTIONAL_PROCESSES)
        mmsd.extra_arguments += [
            "--enable-tcp", "--enable-udp", "--enable-dns", f"--dns-port={dns_port}",
            f"--haproxy-port={free_port()}", "--enable-health-checks=false",
        ]
    try:
        began = time.monotonic()
        mmsd.launch()
        wait_for("all files", lambda: len(mmsd.files()) == options.apps, 120)
        print(f"{options.apps} apps × {options.tasks}: all files {time.monotonic() - began:.2f} s "
              "after the start")
        wait_for("everything applied", lambda: has_applied(mmsd, names), 300, pause=0.1)
        print(f"everything applied {time.monotonic() - began:.2f} s after the start")
        spent = Costs(double, mmsd, names).cpu()
        print("CPU s until then: " + ", ".join(f"{name} {spent[name]:.2f}" for name in spent) + "\n")
        with FolderWatch(mmsd.confd) as watch:
            bench = Bench(double, mmsd, watch, options.pause_ms / 1000, dns_port)
            costs = Costs(double, mmsd, names)
            for number in range(options.changes):
                app = number * 7 % options.apps
                app_id = f"/load/team-{app % 100:02d}/service-{app:05d}"
                bench.round(app_id, options.tasks, number, is_short=options.all)
        is_well = bench.report(options.limit_ms)
        costs.print(sum(len(times.file) for times in bench.times.values()))
    finally:
        mmsd.close(keeps_folder=False)
        double.close()
        shutil.rmtree(executables)
    print(f"\nmedians {'within' if is_well else 'NOT within'} {options.limit_ms:g} ms")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
