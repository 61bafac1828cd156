#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Compares mmsd-api-server with nginx that serves the same bytes as static files, one core each.
"""Starts both servers on core 0 and asks them from core 1 with wrk over keep-alive connections, in
rounds that interleave the servers, so that noise of the machine hits both alike. Prints medians
and the ratio of mmsd to nginx.

Needs root (mmsd-api-server runs as nobody) and the packages of packaging/deps/bench.txt. CPU per
request counts the server's processes only and is the figure to trust on a busy machine: requests
per second are what was left of the core.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "support"))

from saved_answer import app_of, document  # noqa: E402
from waiting import free_port  # noqa: E402

_NOBODY = 65534
# Ahead of everything else on the machine, also where the scheduler groups by session.
_AHEAD = ("setsid", "bash", "-c",
          'echo -20 2>/dev/null >/proc/self/autogroup; exec nice -n -20 "$@"', "bash", "taskset", "-c")
_SERVER, _CLIENT = (*_AHEAD, "0"), (*_AHEAD, "1")

# The fastest that nginx does with files: no look-ups, no log, one process.
_NGINX_CONF = """daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    server_tokens off;
    keepalive_requests 1000000000;
    open_file_cache max=2000 inactive=1h;
    open_file_cache_valid 1h;
    types {{ }}
    default_type text/plain;
    charset utf-8;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}/www; }}
}}
"""


class Server:
    """One server process on its core."""

    def __init__(self, name: str, command: list, port: int) -> None:
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*_SERVER, *command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def get(self, path: str) -> bytes:
        """Waits until it answers."""
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                    return answer.read()
            except OSError:
                time.sleep(0.05)
        self.log.seek(0)
        sys.exit(f"{self.name} does not answer: {self.log.read().decode(errors='replace')}")

    def cpu_seconds(self) -> float:
        """Of the process, which every command before it has become by exec."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_servers(folder: Path, build: Path) -> tuple[Server, Server]:
    """mmsd and nginx; nginx has no files yet."""
    program = folder / "mmsd-api-server"
    shutil.copy(build / "workers/api-server/mmsd-api-server", program)
    port = free_port()
    mmsd = Server("mmsd", [
        "setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", program,
        "--foreground", f"--snapshot={folder}/snapshot.bin", "--bind-ip=127.0.0.1",
        f"--api-port={port}"], port)
    port = free_port()
    (folder / "nginx.conf").write_text(_NGINX_CONF.format(port=port, folder=folder))
    return mmsd, Server("nginx", ["nginx", "-p", folder, "-c", folder / "nginx.conf"], port)


def make_snapshot(folder: Path, build: Path, arguments) -> str:
    """@return the id of an app in it"""
    apps = [app_of(f"/bench/service-{i:05}", arguments.instances) for i in range(arguments.apps)]
    (folder / "apps.json").write_bytes(document(*apps))
    subprocess.run([build / "tests/tools/make_snapshot", "-o", folder / "snapshot.bin",
                    folder / "apps.json"], check=True)
    return apps[0].id


def measure(server: Server, path: str, arguments) -> dict[str, float]:
    """One run of wrk."""
    before = server.cpu_seconds()
    output = subprocess.run(
        [*_CLIENT, "wrk", "-t1", f"-c{arguments.connections}", f"-d{arguments.seconds}s",
         f"http://127.0.0.1:{server.port}{path}"],
        check=True, capture_output=True, text=True).stdout
    cpu = server.cpu_seconds() - before
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{server.name}: {output}")
    requests = int(re.search(r"(\d+) requests in", output)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    return {"rate": rate, "cpu_us": cpu * 1e6 / requests, "busy": cpu * rate / requests}


def compare(servers: tuple[Server, Server], paths: list[str], arguments) -> None:
    for path in paths:
        size = len(servers[0].get(path))
        rounds = [{server.name: measure(server, path, arguments) for server in servers}
                  for _ in range(arguments.rounds)]
        print(f"{path}: {size} octets")
        for server in servers:
            def median(key: str, name: str = server.name) -> float:
                return statistics.median(each[name][key] for each in rounds)
            print(f"  {server.name:5} {median('rate') / 1e3:7.1f} k/s  {median('cpu_us'):6.2f} us "
                  f"CPU/request  core {median('busy') * 100:3.0f} %")
        rate = statistics.median(e["mmsd"]["rate"] / e["nginx"]["rate"] for e in rounds)
        cpu = statistics.median(e["nginx"]["cpu_us"] / e["mmsd"]["cpu_us"] for e in rounds)
        print(f"  mmsd / nginx: {rate:.2f} in requests/s, {cpu:.2f} in requests/CPU second",
              flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, type=Path, help="meson's build folder")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1, help="of one measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--apps", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsd-http-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        app = make_snapshot(folder, arguments.build, arguments)
        paths = ["/v1/apps", f"/v1/instances{app}"]
        servers = start_servers(folder, arguments.build)
        try:
            for path in paths:
                target = folder / "www" / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(servers[0].get(path))
                target.chmod(0o644)
                if servers[1].get(path) != servers[0].get(path):
                    sys.exit(f"{path}: the servers differ")
            print(f"{arguments.apps} apps x {arguments.instances}, {arguments.connections} "
                  f"connections, {arguments.rounds} rounds x {arguments.seconds} s, load "
                  f"{os.getloadavg()[0]:.1f}")
            compare(servers, paths, arguments)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
