#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how long a change in Marathon takes until files and API are right.
"""Convergence times. Usage (as root): convergence.py BUILD_DIR [--apps N] [--tasks M] …

The clock starts when the double changes its state, before it writes the first event, and stops
when the reader of the file or of the API sees the new state. Exit code 1: a median is over the
limit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pathlib
import shutil
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
from waiting import wait_for  # noqa: E402

_DEADLINE = 10.0


@dataclass
class Times:
    """Milliseconds until the file and until the API was right."""

    file: list[float] = field(default_factory=list)
    api: list[float] = field(default_factory=list)


class Double:
    """The Marathon double in a process of its own, so that it costs this one nothing."""

    def __init__(self, generation: str, apps: int, tasks: int) -> None:
        self._process = subprocess.Popen(
            ["/usr/bin/python3", str(_SUPPORT / "marathon_double.py"), "--generation", generation,
             "--generate", f"{apps}x{tasks}"],
            stdout=subprocess.PIPE, text=True,
        )
        self.url = self._process.stdout.readline().split()[1]

    def __call__(self, operation: str, **arguments) -> int:
        """@return CLOCK_MONOTONIC in ns when the state changed"""
        data = json.dumps(arguments).encode()
        with urllib.request.urlopen(f"{self.url}/_control/{operation}", data) as answer:
            return json.load(answer)["startedAt"]

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
        self, double: Double, mmsd: mmsd_harness.Mmsd, watch: FolderWatch, pause: float
    ) -> None:
        """@pause: seconds of quiet before each change."""
        self._double = double
        self._pause = pause
        self._mmsd = mmsd
        self._watch = watch
        self._connection = http.client.HTTPConnection("127.0.0.1", mmsd.api_port)
        self.times: dict[str, Times] = {}

    def instances(self, app_id: str) -> tuple[int, int]:
        """(status, number of lines) of the API's instances."""
        self._connection.request("GET", f"/v1/instances{app_id}")
        answer = self._connection.getresponse()
        return answer.status, len(answer.read().splitlines())

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
        file_at = 0
        api_at = 0 if api else began
        while not (file_at and api_at):
            if not file_at and is_file_right(content_of(path)):
                file_at = time.monotonic_ns()
            if not api_at and self.instances(app_id) == api:
                api_at = time.monotonic_ns()
            if not (file_at and api_at):
                self._watch.changed(0.0005)
            if time.monotonic_ns() - began > _DEADLINE * 1e9:
                raise SystemExit(f"{kind} of {app_id} was not seen within {_DEADLINE:g} s")
        times = self.times.setdefault(kind, Times())
        times.file.append((file_at - began) / 1e6)
        if api:
            times.api.append((api_at - began) / 1e6)

    def round(self, app_id: str, tasks: int, number: int) -> None:
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
        self.change("relabel", app_id, has_proto("smtp"), None, "relabel",
                    labels={"proto": "smtp"})
        self.change("remove app", app_id, lambda content: content is None, (404, 1), "remove_app")
        self.change("add app", app_id, lists(tasks), serving(tasks), "add_app",
                    instances=tasks, health_checks=1)

    def report(self, limit: float) -> bool:
        """Prints the table. @return whether every median is within @limit ms"""
        print(f"{'ms until right':14}  {'file: median':>12}{'p90':>8}{'max':>8}"
              f"  {'API: median':>12}{'p90':>8}{'max':>8}     n")
        is_well = True
        for kind, times in self.times.items():
            cells = f"{kind:14}"
            for series in filter(None, (times.file, times.api)):
                median = statistics.median(series)
                tenth = statistics.quantiles(series, n=10)[8] if len(series) > 1 else median
                cells += f"  {median:12.1f}{tenth:8.1f}{max(series):8.1f}"
                is_well = is_well and median <= limit
            print(f"{cells:68}  {len(times.file):4}")
        return is_well


def print_memory(mmsd: mmsd_harness.Mmsd, *further: str) -> None:
    """Resident memory of each process, and of @further ones by name, now and at most."""
    print("\nMiB resident           now     peak")
    for name, pid in [*mmsd.pids().items(), *((name, mmsd.pid(name)) for name in further)]:
        with open(f"/proc/{pid}/status", encoding="ascii") as lines:
            values = dict(line.split(":", 1) for line in lines)
        now, peak = (int(values[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
        print(f"{name:18}{now:8.1f} {peak:8.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures convergence times of mmsd.")
    parser.add_argument("build", type=pathlib.Path, help="meson's build folder")
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--changes", type=int, default=100, help="of each kind")
    parser.add_argument(
        "--pause-ms", type=float, default=0.0,
        help="quiet before each change; without, most changes meet the 50 ms in which events join",
    )
    parser.add_argument("--generation", default="1.8")
    parser.add_argument("--limit-ms", type=float, default=100.0, help="for each median")
    options = parser.parse_args()

    if os.geteuid() == 0:
        mmsd_harness.ensure_users()
    executables = mmsd_harness.stage_executables(options.build)
    double = Double(options.generation, options.apps, options.tasks)
    mmsd = mmsd_harness.Mmsd(executables, f"--marathon-url={double.url}")
    try:
        began = time.monotonic()
        mmsd.start()
        wait_for("all files", lambda: len(mmsd.files()) == options.apps, 60)
        print(f"{options.apps} apps × {options.tasks}: all files {time.monotonic() - began:.2f} s "
              "after the start\n")
        with FolderWatch(mmsd.confd) as watch:
            bench = Bench(double, mmsd, watch, options.pause_ms / 1000)
            for number in range(options.changes):
                app = number * 7 % options.apps
                app_id = f"/load/team-{app % 100:02d}/service-{app:05d}"
                bench.round(app_id, options.tasks, number)
        is_well = bench.report(options.limit_ms)
        print_memory(mmsd)
    finally:
        mmsd.close(keeps_folder=False)
        double.close()
        shutil.rmtree(executables)
    print(f"\nmedians {'within' if is_well else 'NOT within'} {options.limit_ms:g} ms")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
