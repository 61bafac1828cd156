#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how long a change in Marathon takes until the DNS server answers accordingly.
"""Event to changed answer: Marathon double, watcher, supervisor, dns-server, answer over UDP.

The clock starts when the double changes its state, before it writes the first event, and stops
when an answer over UDP says so. Exit code 1: a median is over the limit. Usage (as root):
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import sys
import time

from convergence import Double, mmsd_harness, print_memory
from waiting import free_port, wait_for

import dns.message
import dns.rcode
import dns.rdatatype

_DEADLINE = 10.0
# Between two questions: what the answers' times are exact to, and no core spent on asking.
_PAUSE = 0.0002


class Asker:
    """Asks one question after the other over one socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(5)

    def ask(self, query: bytes) -> bytes:
        self._socket.send(query)
        return self._socket.recv(4096)

    def close(self) -> None:
        self._socket.close()


def count_of(reply: bytes) -> tuple[int, int]:
    """(rcode, records in the answer section)"""
    return reply[3] & 15, int.from_bytes(reply[6:8], "big")


class Bench:
    """Changes the double and asks the DNS server of a running mmsd."""

    def __init__(self, double: Double, asker: Asker, pause: float) -> None:
        """@pause: seconds of quiet before each change."""
        self._double, self._asker, self._pause = double, asker, pause
        self.times: dict[str, list[float]] = {}

    def change(self, kind: str, app_id: str, query: bytes, is_right, operation: str,
               **arguments) -> None:
        """Does one change, and asks until @is_right(answer)."""
        time.sleep(self._pause)
        began = self._double(operation, app_id=app_id, **arguments)
        while not is_right(self._asker.ask(query)):
            if time.monotonic_ns() - began > _DEADLINE * 1e9:
                raise SystemExit(f"{kind} of {app_id} was not seen within {_DEADLINE:g} s")
            time.sleep(_PAUSE)
        self.times.setdefault(kind, []).append((time.monotonic_ns() - began) / 1e6)

    def round(self, app_id: str, tasks: int, number: int) -> None:
        """One change of each kind; the app is as before at the end."""
        name = ".".join(reversed(app_id.strip("/").split("/"))) + ".mmsd."
        services = dns.message.make_query(name, "SRV", use_edns=0).to_wire()
        texts = dns.message.make_query(name, "TXT", use_edns=0).to_wire()
        per_task = count_of(self._asker.ask(services))[1] // tasks
        assert per_task > 0, f"{name} has no SRV records"

        def lists(count: int):
            return lambda reply: count_of(reply) == (dns.rcode.NOERROR, count * per_task)

        def is_gone(reply: bytes) -> bool:
            return count_of(reply) == (dns.rcode.NXDOMAIN, 0)

        label = f"v{number}".encode()
        self.change("scale up", app_id, services, lists(tasks + 1), "scale", instances=tasks + 1)
        self.change("scale down", app_id, services, lists(tasks), "scale", instances=tasks)
        self.change("unhealthy", app_id, services, lists(tasks - 1), "set_health",
                    task=number % tasks, alive=False)
        self.change("healthy", app_id, services, lists(tasks), "set_health",
                    task=number % tasks, alive=True)
        self.change("relabel", app_id, texts, lambda reply: b"bench=" + label in reply, "relabel",
                    labels={"bench": label.decode()})
        self.change("remove app", app_id, services, is_gone, "remove_app")
        self.change("add app", app_id, services, lists(tasks), "add_app", instances=tasks,
                    health_checks=1)

    def report(self, limit: float) -> bool:
        """Prints the table. @return whether every median is within @limit ms"""
        everything = [time for series in self.times.values() for time in series]
        print(f"{'ms until answered':18}{'median':>9}{'p90':>9}{'p99':>9}{'max':>9}      n")
        for kind, series in [*self.times.items(), ("all", everything)]:
            percentiles = statistics.quantiles(series, n=100, method="inclusive")
            print(f"{kind:18}{statistics.median(series):9.1f}{percentiles[89]:9.1f}"
                  f"{percentiles[98]:9.1f}{max(series):9.1f}{len(series):7}")
        return all(statistics.median(series) <= limit for series in self.times.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="meson's build folder")
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--changes", type=int, default=100, help="of each kind; at least 2")
    parser.add_argument("--processes", type=int, default=1, help="--dns-processes")
    parser.add_argument(
        "--pause-ms", type=float, default=120.0,
        help="quiet before each change; below 50 ms, changes meet the time in which events join, "
             "and more than ten in a second wait for their turn",
    )
    parser.add_argument("--generation", default="1.8", help="of Marathon")
    parser.add_argument("--limit-ms", type=float, default=15.0, help="for each median")
    options = parser.parse_args()

    if os.geteuid() == 0:
        mmsd_harness.ensure_users()
    executables = mmsd_harness.stage_executables(options.build)
    double = Double(options.generation, options.apps, options.tasks)
    port = free_port()
    mmsd = mmsd_harness.Mmsd(executables, f"--marathon-url={double.url}", "--enable-dns",
                             f"--dns-port={port}", f"--dns-processes={options.processes}")
    try:
        mmsd.start()
        asker = Asker(port)
        last = dns.message.make_query(
            f"service-{options.apps - 1:05d}.team-{(options.apps - 1) % 100:02d}.load.mmsd.", "A")
        wait_for("the zone", lambda: count_of(asker.ask(last.to_wire()))[1] > 0, 60)
        print(f"{options.apps} apps × {options.tasks}, {options.processes} dns-server\n")
        bench = Bench(double, asker, options.pause_ms / 1000)
        for number in range(options.changes):
            app = number * 7 % options.apps
            bench.round(f"/load/team-{app % 100:02d}/service-{app:05d}", options.tasks, number)
        is_well = bench.report(options.limit_ms)
        print_memory(mmsd, "dns-server")
        asker.close()
    finally:
        mmsd.close(keeps_folder=False)
        double.close()
        shutil.rmtree(executables)
    print(f"\nmedians {'within' if is_well else 'NOT within'} {options.limit_ms:g} ms")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
