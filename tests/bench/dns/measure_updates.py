#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Measures what mmsd-dns-server's clients notice of updates and restarts.
"""Prints, with the worker alone under a steady load of queries:
- from a snapshot with one changed app to the changed answer, median and worst;
- the longest an answer took while a whole zone was built, beside the same without;
- queries late and lost when the worker is ended by SIGTERM and replaced.

Usage: measure_updates.py BUILD [APPS [RATE]]; needs root (big receive buffer, as the supervisor's).
"""

import json
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))

import dns.message  # noqa: E402

import snapshot_frames as frames  # noqa: E402
from dns_server import RunningDnsServer  # noqa: E402
from lone_worker import staged  # noqa: E402

INSTANCES = 5
CHANGES = 40
# Ahead of everything else on the machine, also where the scheduler groups by session: what is left
# are the worker's own delays.
AHEAD = ("setsid", "bash", "-c", 'echo -20 2>/dev/null >/proc/self/autogroup; exec nice -n -20 "$@"',
         "bash", "taskset", "-c")


def make_apps(count):
    return [frames.App(f"/bench/service-{n}", [frames.Port(10000, "tcp", "http")],
                       [frames.Instance(f"10.{i}.{n // 250}.{n % 250}", [31000],
                                        task_id=f"service-{n}.{i}") for i in range(INSTANCES)])
            for n in range(count)]


def send_snapshot(server, octets, generation):
    server.worker.send_raw(octets)
    return server.worker.wait_frame(frames.SNAPSHOT_APPLIED, generation, 60)


def change_latency(server, apps, first_generation):
    """One instance of one app comes and goes; asked by a client that spins."""
    changed = [frames.App(apps[0].id, apps[0].ports, apps[0].instances[:-1]), *apps[1:]]
    snapshots = [changed, apps]
    query = dns.message.make_query("service-0.bench.mmsd.", "A", use_edns=False).to_wire()
    taken = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.address, server.port))
        client.settimeout(5)
        for number in range(CHANGES):
            octets = frames.snapshot(first_generation + number, snapshots[number % 2])
            wanted = INSTANCES - 1 + number % 2
            start = time.perf_counter()
            server.worker.send_raw(octets)
            while True:
                client.send(query)
                if client.recv(4096)[7] == wanted:
                    break
            taken.append(time.perf_counter() - start)
            server.worker.wait_frame(frames.SNAPSHOT_APPLIED, first_generation + number)
    return taken


def memory_mib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


class Blaster:
    def __init__(self, build, server, queries, rate, seconds):
        self.process = subprocess.Popen(
            [*AHEAD, "1", build / "tests/bench/dns/dns_blaster", "--port", str(server.port), "--queries",
             queries, "--rate", str(rate), "--seconds", str(seconds), "--window", "60000"],
            stdout=subprocess.PIPE, text=True)

    def result(self):
        return json.loads(self.process.communicate()[0])


def main():
    build = pathlib.Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    rate = int(sys.argv[3]) if len(sys.argv) > 3 else 20_000
    apps = make_apps(count)
    empty, whole = frames.snapshot(2, []), frames.snapshot(3, apps)
    with (staged(build / "workers/dns-server/mmsd-dns-server") as executable,
          tempfile.TemporaryDirectory() as name):
        server = RunningDnsServer(executable, prefix=(*AHEAD, "0"))
        queries = pathlib.Path(name) / "queries"
        queries.write_text("".join(f"service-{n}.bench.mmsd. A\n" for n in range(count)))
        send_snapshot(server, frames.snapshot(1, apps), 1)

        idle = Blaster(build, server, queries, rate, 3).result()
        blaster = Blaster(build, server, queries, rate, 4)
        time.sleep(0.5)
        send_snapshot(server, empty, 2)
        start = time.perf_counter()
        applied = send_snapshot(server, whole, 3)
        built = time.perf_counter() - start
        loaded = blaster.result()
        slice_ms = server.worker.report().value("dns_longest_update_slice_seconds") * 1e3
        print(f"{count} apps x {INSTANCES}, {rate} queries/s: whole zone anew in "
              f"{built * 1e3:.0f} ms (worker says {int.from_bytes(applied[1:9], 'little') / 1e3:.0f}"
              f" ms), longest slice {slice_ms:.2f} ms")
        now, peak = (memory_mib(server.worker.pid, key) for key in ("VmRSS", "VmHWM"))
        print(f"memory: {now:.1f} MiB, at most {peak:.1f} MiB")
        print(f"longest answer: idle {idle['longest_ms']} ms ({idle['late']} over 10 ms), during "
              f"the build {loaded['longest_ms']} ms ({loaded['late']} over 10 ms), "
              f"lost {loaded['lost']}")

        taken = sorted(change_latency(server, apps, 4))
        print(f"one changed app: median {statistics.median(taken) * 1e3:.2f} ms, "
              f"worst {taken[-1] * 1e3:.2f} ms from snapshot to answer")

        blaster = Blaster(build, server, queries, rate, 3)
        time.sleep(1)
        start = time.perf_counter()
        server.worker.signal(signal.SIGTERM)
        server.worker.process.wait()
        server.start()
        send_snapshot(server, whole, 3)
        away = time.perf_counter() - start
        result = blaster.result()
        print(f"SIGTERM: replaced in {away * 1e3:.0f} ms; of {result['sent']} queries "
              f"{result['late']} took over 10 ms (longest {result['longest_ms']} ms), "
              f"{result['sent'] - result['received']} lost")
        server.stop()


if __name__ == "__main__":
    main()
