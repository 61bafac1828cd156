#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Counts failed requests while the haproxy-manager scales, reloads, is killed and replaced.
"""Load through HAProxy. Usage (as root): haproxy_load.py BUILD_DIR [--rate R] [--seconds S]"""

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


def main() -> None:
    """One line a scenario; exit code 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rate", type=int, default=1000, help="new connections a second")
    parser.add_argument("--seconds", type=float, default=10, help="of each scenario")
    options = parser.parse_args()
    os.environ["MMSD_BUILD_DIR"] = str(options.build)
    failed = 0
    with staged_manager() as executable, Backends(http=4, echo=2) as backends:
        with HaproxyFolder(executable) as haproxy:
            haproxy.start()
            http, echo, extra = free_port(), free_port(), free_port()

            def apps(instances: int, *more):
                return [
                    tcp_app("/web", http, backends.http[:instances], proto="http"),
                    tcp_app("/echo", echo, backends.echo),
                    *more,
                ]

            def scale(i: int) -> None:
                haproxy.apply(apps(1 + i % 4))

            def reload(i: int) -> None:
                haproxy.apply(apps(2, *([tcp_app("/x", extra, backends.echo)] if i % 2 else [])))

            def kill(i: int) -> None:
                haproxy.kill()
                haproxy.start()
                haproxy.apply(apps(2 + i % 2))

            def nothing(_: int) -> None:
                pass

            haproxy.apply(apps(2))
            wait_for("served", lambda: get(http)[0] == 200)
            for name, act, pause in (
                ("nothing", nothing, 0.1),
                ("scaling", scale, 0.05),
                ("reloads", reload, 0.15),
                ("manager killed", kill, 0.5),
            ):
                before = haproxy.metric("reloads_total")
                with Load(http, echo, rate=options.rate) as load:
                    ends = time.monotonic() + options.seconds
                    for i in itertools.count(1):
                        act(i)
                        time.sleep(pause)
                        if time.monotonic() > ends:
                            break
                reloads = haproxy.metric("reloads_total") - before
                print(f"{name} {i} times, {max(reloads, 0):.0f} reloads: {load.result}", flush=True)
                failed += len(load.result.failures)
            print(f"{len(haproxy.haproxy_pids())} HAProxy in the end")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
