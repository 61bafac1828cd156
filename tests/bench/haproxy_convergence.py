#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how long the haproxy-manager takes from a snapshot to a routed request.
"""Convergence of HAProxy. Usage (as root): haproxy_convergence.py BUILD_DIR [--apps N] [--rounds R]

The clock starts when the first octet of a snapshot is written to the manager and stops when a
request is answered by the new instance. HAProxy's own start is measured with the same files.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import snapshot_frames as frames  # noqa: E402
from haproxy_traffic import Backends  # noqa: E402
from haproxy_worker import HaproxyFolder, staged_manager, tcp_app  # noqa: E402
from waiting import wait_for  # noqa: E402

_FIRST_PORT = 20_001
_INSTANCES = 5


def memory(pid: int) -> float:
    """Resident MB of a process."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def answers(port: int) -> bytes:
    """The last line of what an HTTP server says, b"" if nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while octets := connection.recv(65536):
                answer += octets
    except OSError:
        return b""
    return answer.split(b"\r\n")[-1] if answer.startswith(b"HTTP/1.1 200") else b""


def time_until(haproxy, generation: int, state: bytes, port: int, body: int) -> float:
    """Milliseconds from sending @state until @port answers @body."""
    started = time.monotonic()
    haproxy.worker.send_raw(state)
    wait_for("routed", lambda: answers(port) == str(body).encode(), timeout=60, pause=0)
    elapsed = (time.monotonic() - started) * 1000
    haproxy.worker.wait_frame(frames.SNAPSHOT_APPLIED, generation, timeout=60)
    return elapsed


def own_start(haproxy: HaproxyFolder) -> float:
    """Milliseconds until a HAProxy started by hand on the same files answers."""
    path = "/tmp/mmsd-bench.sock"
    started = time.monotonic()
    process = subprocess.Popen(
        [shutil.which("haproxy"), "-db", "-f", "haproxy.cfg"],
        cwd=haproxy.folder / "current",
        env={"MMSD_SOCK": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def is_up() -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b"show info\n")
                return f"Pid: {process.pid}\n".encode() in connection.recv(65536)
        except OSError:
            return False

    try:
        wait_for("HAProxy alone", is_up, timeout=60, pause=0.001)
        return (time.monotonic() - started) * 1000
    finally:
        process.kill()
        process.wait()
        os.unlink(path)


def show(what: str, values: list[float]) -> None:
    """One line."""
    print(
        f"{what}: median {statistics.median(values):.1f} ms, "
        f"worst {max(values):.1f} ms ({len(values)} rounds)"
    )


def run(options, executable, backends) -> None:
    """All measurements at one size."""
    flags = [] if options.checks else ["--enable-health-checks=false"]
    ports = backends.http
    with HaproxyFolder(executable, *flags) as haproxy:
        others = [
            tcp_app(f"/app-{i}", _FIRST_PORT + i, ports, proto="http")
            for i in range(1, options.apps)
        ]
        known = [
            tcp_app("/app-0", _FIRST_PORT, [port], proto="http") for port in (ports[0], ports[1])
        ]
        new_port = _FIRST_PORT + options.apps
        new = tcp_app("/new", new_port, ports[:1], proto="http")
        generation = 0

        def state(*apps) -> bytes:
            nonlocal generation
            generation += 1
            return frames.snapshot(generation, [*others, *apps])

        haproxy.start()
        first = state(known[0])
        took = time_until(haproxy, generation, first, _FIRST_PORT, ports[0])
        (pid,) = haproxy.haproxy_pids()
        checks = "on" if options.checks else "off"
        print(f"{options.apps} apps x {_INSTANCES} instances, checks {checks}")
        print(f"first start: {took:.0f} ms until routed; "
              f"manager {memory(haproxy.worker.pid):.0f} MB, "
              f"HAProxy {memory(pid):.0f} MB")

        times = []
        for i in range(options.rounds):
            each = state(known[(i + 1) % 2])
            times.append(time_until(haproxy, generation, each, _FIRST_PORT, ports[(i + 1) % 2]))
        show("instance of a known app", times)
        assert haproxy.metric("reloads_total") == 0

        times = []
        for _ in range(max(3, options.rounds // 10)):
            each = state(known[0], new)
            times.append(time_until(haproxy, generation, each, new_port, ports[0]))
            each = state(known[0])
            haproxy.worker.send_raw(each)
            haproxy.worker.wait_frame(frames.SNAPSHOT_APPLIED, generation, timeout=60)
        show("new app (a reload)", times)
        print(f"manager {memory(haproxy.worker.pid):.0f} MB in the end; "
              f"{haproxy.metric('validations_total'):.0f} checks")
        haproxy.kill()
        for pid in haproxy.haproxy_pids():
            os.kill(pid, signal.SIGKILL)
        wait_for("no HAProxy left", lambda: not haproxy.haproxy_pids())
        print(f"HAProxy's own start with these files: {own_start(haproxy):.0f} ms")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--checks", action="store_true", help="HAProxy checks the instances, too")
    options = parser.parse_args()
    os.environ["MMSD_BUILD_DIR"] = str(options.build)
    with staged_manager() as executable, Backends(http=_INSTANCES) as backends:
        run(options, executable, backends)


if __name__ == "__main__":
    main()
