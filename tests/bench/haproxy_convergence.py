#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures how long the haproxy-manager takes from a snapshot to a routed request.
"""Convergence of HAProxy. Usage (as root): haproxy_convergence.py BUILD_DIR [--apps N] [--rounds R]

The clock starts when the first octet of a snapshot is written to the manager and stops when a
request is answered by the new instance. HAProxy's own start is measured in the same rounds, in two
ways: inside the very same reload (from fork to its first answer, told by the manager), and by hand
right after it with the same files, user and -x. CPU times count this program's work alone, where
wall times also count whoever else uses the machine.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import snapshot_frames as frames  # noqa: E402
from haproxy_traffic import Backends  # noqa: E402
from haproxy_worker import HaproxyFolder, haproxy_binary, staged_manager, tcp_app  # noqa: E402
from lone_worker import Report  # noqa: E402
from waiting import wait_for  # noqa: E402

_FIRST_PORT = 20_001
_INSTANCES = 5
_PATIENCE = 120


def memory(pid: int) -> float:
    """Resident MB of a process."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu(pid: int) -> float:
    """Milliseconds on a CPU of all threads of a process."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text().split()[0])
    return total / 1e6


def answers(port: int) -> bytes:
    """The last line of what an HTTP server says, b"" if nothing."""
    try:
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while octets := connection.recv(65536):
                answer += octets
    except OSError:
        return b""
    return answer.split(b"\r\n")[-1] if answer.startswith(b"HTTP/1.1 200") else b""


@dataclass
class Change:
    """What one change took, in milliseconds."""

    routed: float
    applied: float
    manager_cpu: float
    start: float  # of HAProxy, fork to first answer; of the last start if this change had none


class Bench:
    """A manager and its generations."""

    def __init__(self, haproxy: HaproxyFolder):
        self.haproxy = haproxy
        self._generation = 0
        self.report: Report | None = None

    def apply(self, apps, port: int = 0, body: int = 0) -> Change:
        """Sends a state and waits until it is applied and @port answers @body."""
        worker = self.haproxy.worker
        self._generation += 1
        state = frames.snapshot(self._generation, apps)
        worker.drop_reports()
        before = cpu(worker.pid)
        started = time.monotonic()
        worker.send_raw(state)
        if port:
            wanted = str(body).encode()
            wait_for("routed", lambda: answers(port) == wanted, timeout=_PATIENCE, pause=0.0005)
        routed = (time.monotonic() - started) * 1000
        worker.wait_frame(frames.SNAPSHOT_APPLIED, self._generation, timeout=_PATIENCE)
        applied = (time.monotonic() - started) * 1000
        self.report = Report(worker.wait_frame(frames.STATUS, timeout=_PATIENCE))
        start = self.report.value("haproxy_start_seconds") * 1000
        return Change(routed, applied, cpu(worker.pid) - before, start)

    def own_start(self, inherits: bool) -> tuple[float, float]:
        """Wall and CPU milliseconds until a HAProxy started by hand on the same files answers."""
        folder = self.haproxy.folder
        path = folder / "bench.sock"
        arguments = [haproxy_binary(), "-db", "-f", "haproxy.cfg"]
        if (folder / "current/apps").exists():
            arguments += ["-f", "apps"]
        if inherits:
            generation = os.readlink(folder / "current").removeprefix("gen-")
            arguments += ["-x", f"../haproxy-{generation}.sock"]
        user = folder.stat().st_uid if os.getuid() == 0 else None
        started = time.monotonic()
        process = subprocess.Popen(
            arguments, cwd=folder / "current", env={"MMSD_SOCK": str(path)}, user=user,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

        def is_up() -> bool:
            assert process.poll() is None, "HAProxy ended"
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(path))
                    connection.sendall(b"show info\n")
                    return f"Pid: {process.pid}\n".encode() in connection.recv(65536)
            except OSError:
                return False

        try:
            wait_for("HAProxy alone", is_up, timeout=_PATIENCE, pause=0.0005)
            return (time.monotonic() - started) * 1000, cpu(process.pid)
        finally:
            process.kill()
            process.wait()
            path.unlink(missing_ok=True)


def show(what: str, values: list[float]) -> None:
    """One line."""
    ordered = sorted(values)
    print(f"  {what}: median {statistics.median(values):.1f} ms, "
          f"p90 {ordered[len(ordered) * 9 // 10]:.1f}, worst {ordered[-1]:.1f} "
          f"({len(values)} rounds)")


def measure_first_start(bench: Bench, apps, port: int, body: int) -> None:
    """From nothing to everything served."""
    haproxy = bench.haproxy
    before = cpu(haproxy.worker.pid)
    change = bench.apply(apps, port, body)
    (pid,) = haproxy.haproxy_pids()
    print(f"first start: {change.routed:.0f} ms until routed; manager: "
          f"{cpu(haproxy.worker.pid) - before:.0f} ms CPU, {memory(haproxy.worker.pid):.0f} MB; "
          f"HAProxy in it: {change.start:.0f} ms, {memory(pid):.0f} MB")


def measure_known(bench: Bench, others, ports, rounds: int) -> None:
    """Another instance takes the place of the one of a known app."""
    changes = []
    for i in range(rounds):
        port = ports[(i + 1) % 2]
        app = tcp_app("/app-0", _FIRST_PORT, [port], proto="http")
        changes.append(bench.apply([*others, app], _FIRST_PORT, port))
    print("instance of a known app, event to first request answered")
    show("wall", [each.routed for each in changes])
    show("CPU of the manager", [each.manager_cpu for each in changes])
    assert bench.report.value("haproxy_reloads_total") == 0
    assert bench.report.value("haproxy_runtime_failures_total") == 0


def measure_new(bench: Bench, known, port: int, body: int, rounds: int) -> None:
    """A new frontend comes; HAProxy's own start is taken out of the figure."""
    new = tcp_app("/new", port, [body], proto="http")
    changes, by_hand, by_hand_cpu = [], [], []
    for _ in range(rounds):
        changes.append(bench.apply([*known, new], port, body))
        wall, used = bench.own_start(inherits=True)
        by_hand.append(wall)
        by_hand_cpu.append(used)
        bench.apply(known)
    print("new app (a reload), event to first request answered")
    show("wall", [each.routed for each in changes])
    show("HAProxy's own start within", [each.start for each in changes])
    show("difference of the two", [each.routed - each.start for each in changes])
    show("CPU of the manager", [each.manager_cpu for each in changes])
    show("HAProxy started by hand", by_hand)
    show("CPU of HAProxy started by hand", by_hand_cpu)


def run(options, executable, backends) -> None:
    """All measurements at one size."""
    flags = [] if options.checks else ["--enable-health-checks=false"]
    ports = backends.http
    with HaproxyFolder(executable, *flags) as haproxy:
        others = [
            tcp_app(f"/app-{i}", _FIRST_PORT + i, ports, proto="http")
            for i in range(1, options.apps)
        ]
        known = [*others, tcp_app("/app-0", _FIRST_PORT, ports[:1], proto="http")]
        haproxy.start()
        bench = Bench(haproxy)
        print(f"{options.apps} apps x {_INSTANCES} instances, "
              f"checks {'on' if options.checks else 'off'}")
        measure_first_start(bench, known, _FIRST_PORT, ports[0])
        measure_known(bench, others, ports, options.rounds)
        measure_new(bench, known, _FIRST_PORT + options.apps, ports[0],
                    max(3, options.rounds // 5))
        print(f"manager {memory(haproxy.worker.pid):.0f} MB in the end; "
              f"{bench.report.value('haproxy_validations_total'):.0f} checks by -c")
        haproxy.kill()
        for pid in haproxy.haproxy_pids():
            os.kill(pid, signal.SIGKILL)
        wait_for("no HAProxy left", lambda: not haproxy.haproxy_pids())
        wall, used = bench.own_start(inherits=False)
        print(f"HAProxy's own first start by hand: {wall:.0f} ms, {used:.0f} ms CPU")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--no-checks", dest="checks", action="store_false",
                        help="HAProxy does not check the instances")
    options = parser.parse_args()
    os.environ["MMSD_BUILD_DIR"] = str(options.build)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with staged_manager() as executable, Backends(http=_INSTANCES) as backends:
        run(options, executable, backends)


if __name__ == "__main__":
    main()
