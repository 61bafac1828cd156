#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Compares mmsd-dns-server with NSD and Knot DNS: same zone, same queries, one core each.
"""Starts every server on core 0 and asks it from core 1, in rounds that interleave the servers, so
that noise of the machine hits all alike. Prints medians and ratios to the better of the others.

Needs root (mmsd-dns-server runs as nobody) and the packages of packaging/deps/bench.txt; a server
that is not installed is left out. CPU per query counts the server's processes only and is the
figure to trust on a busy machine: queries per second are what was left of the core.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))
from waiting import free_port  # noqa: E402

NOBODY = 65534
# Ahead of everything else on the machine, also where the scheduler groups by session.
AHEAD = ("setsid", "bash", "-c", 'echo -20 2>/dev/null >/proc/self/autogroup; exec nice -n -20 "$@"',
         "bash", "taskset", "-c")
SERVER, CLIENT = (*AHEAD, "0"), (*AHEAD, "1")
QUERIES = ("a", "srv", "mix")
# Client sockets x queries in flight on each. With one socket answers to one client can share a
# send; with one query in flight per socket none can, as with resolvers that change their port.
LOADS = ("1x128", "8x1", "64x1", "1000x1")

NSD_CONF = """server:
    ip-address: {bind}@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    zonelistfile: "{folder}/zone.list"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    round-robin: yes
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: mmsd
    zonefile: mmsd.zone
"""

KNOT_CONF = """server:
    rundir: {folder}/knot
    listen: {bind}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    answer-rotation: on
database:
    storage: {folder}/knot
log:
  - target: stderr
    any: error
zone:
  - domain: mmsd
    file: {folder}/mmsd.zone
    storage: {folder}/knot
"""


def query_until_answered(port, deadline=20.0):
    """Waits until the zone is served."""
    message = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\x0dservice-00000\x05bench\x04mmsd\0\0\1\0\1"
    end = time.monotonic() + deadline
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        client.connect(("127.0.0.1", port))
        while time.monotonic() < end:
            try:
                client.send(message)
                reply = client.recv(4096)
            except OSError:
                time.sleep(0.05)
                continue
            if len(reply) > len(message) and reply[7] > 0:
                return
    raise RuntimeError(f"nobody answers on port {port}")


class Server:
    """One server process on its core."""

    def __init__(self, name, command, port):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*SERVER, *command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            query_until_answered(port)
        except RuntimeError:
            self.stop()
            self.log.seek(0)
            sys.exit(f"{name}: {self.log.read().decode(errors='replace')}")

    def pids(self):
        """The process and its descendants."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            except OSError:
                continue
            waiting += [int(child) for child in children]
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss_mb(self):
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self):
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_servers(wanted, folder, worker, bind="127.0.0.1"):
    servers = []
    if "mmsd" in wanted:
        program = folder / "mmsd-dns-server"
        shutil.copy(worker, program)
        port = free_port()
        servers.append(Server("mmsd", [
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            program, "--foreground", f"--snapshot={folder}/snapshot.bin", f"--bind-ip={bind}",
            f"--dns-port={port}"], port))
    if "nsd" in wanted and shutil.which("nsd", path="/usr/sbin:/usr/bin"):
        port = free_port()
        (folder / "nsd.conf").write_text(NSD_CONF.format(bind=bind, port=port, folder=folder))
        servers.append(Server("nsd", ["/usr/sbin/nsd", "-d", "-c", folder / "nsd.conf"], port))
    if "knot" in wanted and shutil.which("knotd", path="/usr/sbin:/usr/bin"):
        port = free_port()
        (folder / "knot").mkdir(exist_ok=True)
        (folder / "knot.conf").write_text(KNOT_CONF.format(bind=bind, port=port, folder=folder))
        servers.append(Server("knot", ["/usr/sbin/knotd", "-c", folder / "knot.conf"], port))
    return servers


def measure(server, blaster, queries, load, seconds):
    sockets, window = load.split("x")
    before = server.cpu_seconds()
    output = subprocess.run(
        [*CLIENT, blaster, "--port", str(server.port), "--queries", queries,
         "--seconds", str(seconds), "--sockets", sockets, "--window", window],
        check=True, capture_output=True, text=True).stdout
    cpu = server.cpu_seconds() - before
    result = json.loads(output)
    if result["received"] == 0:
        sys.exit(f"{server.name} answers nothing")
    return {"qps": result["qps"], "cpu_us": cpu * 1e6 / result["received"],
            "busy": cpu / result["seconds"], "lost": result["lost"],
            "octets": result["octets"] / result["received"]}


def dnsperf(server, queries, arguments):
    """The usual tool, which saturates before these servers do: for CPU per query only."""
    before = server.cpu_seconds()
    output = subprocess.run(
        [*CLIENT, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d",
         queries, "-l", str(max(1, int(arguments.seconds))), "-c", "20", "-q", "200", "-e"],
        check=True, capture_output=True, text=True).stdout
    cpu = server.cpu_seconds() - before
    completed = int(next(line for line in output.splitlines()
                         if "Queries completed" in line).split()[2])
    return cpu * 1e6 / completed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=Path, help="meson's build folder")
    parser.add_argument("--servers", default="mmsd,nsd,knot")
    parser.add_argument("--queries", default=",".join(QUERIES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=5)
    parser.add_argument("--loads", default=",".join(LOADS),
                        help="SOCKETSxWINDOW,…: client ports, and queries in flight on each")
    parser.add_argument("--bind", default="127.0.0.1,0.0.0.0",
                        help="addresses to bind to, one after the other; 0.0.0.0 costs more, as "
                        "answers have to leave from the address that was asked")
    parser.add_argument("--dnsperf", action="store_true", help="CPU per query by dnsperf, too")
    arguments = parser.parse_args()
    bench = arguments.build / "tests/bench/dns"
    with tempfile.TemporaryDirectory(prefix="mmsd-dns-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        subprocess.run([bench / "make_zone_data", str(arguments.apps), str(arguments.instances),
                        folder], check=True)
        for bind in arguments.bind.split(","):
            servers = start_servers(arguments.servers.split(","), folder,
                                    arguments.build / "workers/dns-server/mmsd-dns-server", bind)
            try:
                print(f"{arguments.apps} apps x {arguments.instances}, bound to {bind}, "
                      f"{arguments.rounds} rounds x {arguments.seconds} s, load "
                      f"{os.getloadavg()[0]:.1f}")
                print("memory (PSS): " + ", ".join(f"{s.name} {s.rss_mb():.1f} MB"
                                                   for s in servers))
                for load in arguments.loads.split(","):
                    compare(servers, bench / "dns_blaster", folder, load, arguments)
            finally:
                for server in servers:
                    server.stop()


def compare(servers, blaster, folder, load, arguments):
    for kind in arguments.queries.split(","):
        queries = folder / f"{kind}.queries"
        rounds = [{s.name: measure(s, blaster, queries, load, arguments.seconds) for s in servers}
                  for _ in range(arguments.rounds)]
        for server in servers:
            def median(key, name=server.name):
                return statistics.median(r[name][key] for r in rounds)
            print(f"{load:7} {kind:4} {server.name:5} {median('qps') / 1e3:7.1f} k/s  "
                  f"(best {max(r[server.name]['qps'] for r in rounds) / 1e3:6.1f})  "
                  f"{median('cpu_us'):5.2f} us CPU/query  core {median('busy') * 100:3.0f} %  "
                  f"{median('octets'):4.0f} octets/reply  "
                  f"lost {sum(r[server.name]['lost'] for r in rounds)}")
        others = [s.name for s in servers if s.name != "mmsd"]
        if others and len(others) < len(servers):
            qps = statistics.median(r["mmsd"]["qps"] / max(r[o]["qps"] for o in others)
                                    for r in rounds)
            cpu = statistics.median(min(r[o]["cpu_us"] for o in others) / r["mmsd"]["cpu_us"]
                                    for r in rounds)
            print(f"{load:7} {kind:4} ratio to the better one: {qps:.2f} in queries/s, "
                  f"{cpu:.2f} in queries/CPU second")
        if arguments.dnsperf:
            print(f"{load:7} {kind:4} dnsperf: " + ", ".join(
                f"{s.name} {statistics.median(dnsperf(s, queries, arguments) for _ in range(3)):.2f}"
                for s in servers) + " us CPU/query")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
