#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Compares the UDP balancer with nginx's stream module, in turns, as ratios.
"""UDP benchmark: mmsd-udp-balancer beside nginx, one core each, the same load and instance.

The balancer under test is pinned to one core, load and instance to another. Rounds alternate
between the two, because absolute figures move with the machine and with what else it does; what
counts are the medians of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import snapshot_frames as frames  # noqa: E402
from lone_worker import LoneWorker, staged  # noqa: E402
from waiting import free_port, wait_for  # noqa: E402

_BALANCER_CORE, _LOAD_CORE = 0, 1
_NGINX_MODULES = "/usr/lib/nginx/modules/ngx_stream_module.so"


def on_core(core: int) -> list[str]:
    """A command prefix."""
    return ["taskset", "-c", str(core)]


def cpu_seconds(pid: int) -> float:
    """Time on a processor, exact. Source: Documentation/scheduler/sched-stats.rst."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def resident_mb(pid: int) -> float:
    """Resident memory."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_nginx(folder: pathlib.Path, port: int, instance: int) -> subprocess.Popen:
    """One process, sessions as in mmsd: a client keeps its upstream socket for a minute."""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""load_module {_NGINX_MODULES};
daemon off; master_process off; worker_processes 1;
pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
stream {{
    upstream instances {{ server 127.0.0.1:{instance}; }}
    server {{ listen {port} udp; proxy_pass instances; proxy_timeout 60s; }}
}}
"""
    )
    return subprocess.Popen(
        [*on_core(_BALANCER_CORE), "nginx", "-p", str(folder), "-c", str(configuration)],
        stderr=subprocess.DEVNULL,
    )


def answers(port: int) -> bool:
    """True if an echo comes back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        try:
            client.send(b"?")
            return client.recv(16) == b"?"
        except OSError:
            return False


def run_load(load: pathlib.Path, *arguments) -> list[float]:
    """The numbers that one run of udp_load prints."""
    command = [*on_core(_LOAD_CORE), load, *map(str, arguments)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(each) for each in output.split()]


def request_response(load, port, pid, clients, seconds, octets):
    """@return answers per second, CPU µs per answer, how many took over 200 ms or never came."""
    before = cpu_seconds(pid) if pid else 0
    rate, lost = run_load(load, "ping", port, clients, seconds, octets)
    used = cpu_seconds(pid) - before if pid else 0
    return rate, used * 1e6 / (rate * seconds), lost


def flood(load, port, pid, instance, clients, seconds, octets):
    """@return datagrams per second that arrive behind the balancer, CPU µs for each."""
    sink = subprocess.Popen(
        [*on_core(_LOAD_CORE), load, "sink", str(instance)], stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.3)
    before = cpu_seconds(pid)
    run_load(load, "flood", port, clients, seconds, octets)
    used = cpu_seconds(pid) - before
    sink.send_signal(signal.SIGTERM)
    # It waits in recvmmsg: one more datagram wakes it.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
        waker.sendto(b"", ("127.0.0.1", instance))
    arrived = int(sink.communicate()[0])
    return arrived / seconds, used * 1e6 / max(arrived, 1)


def compare(name, measure, contestants, rounds):
    """Runs @measure in turns and prints medians and the median of the ratios."""
    results = {each: [] for each in contestants}
    for _ in range(rounds):
        for each, arguments in contestants.items():
            results[each].append(measure(*arguments))
    print(f"{name}:")
    for each, values in results.items():
        rates = [value[0] for value in values]
        costs = [value[1] for value in values]
        lost = sum(value[2] for value in values if len(value) > 2)
        print(
            f"  {each:8} {statistics.median(rates):9.0f}/s"
            f"  {statistics.median(costs):6.2f} µs CPU each  late or lost {lost:.0f}"
        )
    if {"mmsd", "nginx"} <= results.keys():
        pairs = list(zip(results["mmsd"], results["nginx"]))
        rate = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
        cost = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
        print(f"  ratio mmsd : nginx  rate {rate:.2f}  CPU per datagram {cost:.2f}")


def main() -> None:
    """Parses the command line and runs everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("worker", type=pathlib.Path, help="mmsd-udp-balancer")
    parser.add_argument("load", type=pathlib.Path, help="udp_load")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--octets", type=int, default=64)
    options = parser.parse_args()
    if not os.path.exists(_NGINX_MODULES):
        sys.exit("needs nginx with its stream module (packaging/deps/bench.txt)")

    instance, ours, theirs = free_port(), free_port(), free_port()
    shape = (options.clients, options.seconds, options.octets)
    app = frames.App("/echo", [frames.Port(ours)], [frames.Instance("127.0.0.1", [instance])])
    with tempfile.TemporaryDirectory() as folder, staged(options.worker) as path, LoneWorker(
        path, "udp-balancer", prefix=on_core(_BALANCER_CORE)
    ) as worker:
        worker.ready().apply([app])
        nginx = start_nginx(pathlib.Path(folder), theirs, instance)
        echo = subprocess.Popen(
            [*on_core(_LOAD_CORE), options.load, "echo", str(instance)], stdout=subprocess.DEVNULL
        )
        try:
            for port in (instance, ours, theirs):
                wait_for(f"echo through {port}", lambda port=port: answers(port))
            load = options.load
            compare(
                f"request and response, {options.clients} clients, {options.octets} octets",
                lambda port, pid: request_response(load, port, pid, *shape),
                {"mmsd": (ours, worker.pid), "nginx": (theirs, nginx.pid), "direct": (instance, 0)},
                options.rounds,
            )
            echo.kill()
            echo.wait()
            compare(
                f"one-way flood, {options.clients} clients, {options.octets} octets",
                lambda port, pid: flood(load, port, pid, instance, *shape),
                {"mmsd": (ours, worker.pid), "nginx": (theirs, nginx.pid)},
                options.rounds,
            )
            print(f"resident: mmsd {resident_mb(worker.pid):.1f} MB, "
                  f"nginx {resident_mb(nginx.pid):.1f} MB")
        finally:
            for process in (echo, nginx):
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
