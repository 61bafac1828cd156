#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Counts failed requests while the haproxy-manager scales, reloads, is killed and replaced.
"""Load through HAProxy. Usage (as root): haproxy_load.py BUILD_DIR [--rate R] [--apps N]

New connections at a steady rate (one request each), 50 keep-alive clients with 10 requests a second
each, 20 long-lived connections that echo; HAProxy checks all instances. One line a scenario.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from haproxy_traffic import Backends, Load  # noqa: E402
from haproxy_worker import HaproxyFolder, get, staged_manager, tcp_app  # noqa: E402
from waiting import free_port, wait_for  # noqa: E402

_FIRST_PORT = 20_001


class Scenarios:
    """What can be done to a manager under load."""

    def __init__(self, haproxy: HaproxyFolder, backends: Backends, others: int):
        self._haproxy, self._backends = haproxy, backends
        self.http, self.echo, self._extra = free_port(), free_port(), free_port()
        self._others = [
            tcp_app(f"/other-{i}", _FIRST_PORT + i, backends.http, proto="http")
            for i in range(others)
        ]

    def apply(self, instances: int, *more) -> None:
        """The state with that many HTTP instances."""
        self._haproxy.apply([
            *self._others,
            tcp_app("/web", self.http, self._backends.http[:instances], proto="http"),
            tcp_app("/echo", self.echo, self._backends.echo),
            *more,
        ])

    def nothing(self, _: int) -> None:
        """For comparison."""

    def scale(self, i: int) -> None:
        """One to four instances."""
        self.apply(1 + i % 4)

    def reload(self, i: int) -> None:
        """A frontend comes or goes."""
        self.apply(2, *([tcp_app("/x", self._extra, self._backends.echo)] if i % 2 else []))

    def kill(self, i: int) -> None:
        """SIGKILL to the manager; the next one takes HAProxy over."""
        self._haproxy.kill()
        self._haproxy.start()
        self.apply(2 + i % 2)


def run(options, haproxy: HaproxyFolder, scenarios: Scenarios) -> int:
    """@return how many requests failed"""
    failed = 0
    for name, act, times, pause in (
        ("nothing", scenarios.nothing, 100, 0.1),
        ("scaling", scenarios.scale, 100, 0.05),
        ("reloads", scenarios.reload, 50, 0.15),
        ("manager killed", scenarios.kill, 10, 0.5),
    ):
        before = haproxy.metric("reloads_total")
        with Load(scenarios.http, scenarios.echo, rate=options.rate) as load:
            ends = time.monotonic() + options.seconds
            for i in itertools.count(1):
                act(i)
                time.sleep(pause)
                if i >= times and time.monotonic() > ends:
                    break
        reloads = max(haproxy.metric("reloads_total") - before, 0)
        print(f"{name} {i} times, {reloads:.0f} reloads: {load.result}", flush=True)
        for line in load.result.failures[:5]:
            print(f"  {line}")
        failed += len(load.result.failures)
    return failed


def main() -> None:
    """Exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=1100, help="new connections a second")
    parser.add_argument("--seconds", type=float, default=10, help="of each scenario, at least")
    parser.add_argument("--apps", type=int, default=0, help="others beside the two under load")
    options = parser.parse_args()
    os.environ["MMSD_BUILD_DIR"] = str(options.build)
    with staged_manager() as executable, Backends(http=4, echo=2) as backends:
        with HaproxyFolder(executable) as haproxy:
            haproxy.start()
            scenarios = Scenarios(haproxy, backends, options.apps)
            scenarios.apply(2)
            wait_for("served", lambda: get(scenarios.http)[0] == 200)
            failed = run(options, haproxy, scenarios)
            print(f"{len(haproxy.haproxy_pids())} HAProxy in the end")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
