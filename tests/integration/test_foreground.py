# SPDX-License-Identifier: MIT
# A worker alone on a file, as a developer runs it.
"""--foreground --snapshot FILE."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import urllib.request

import pytest
from haproxy_traffic import Backends
from haproxy_worker import haproxy_binary
from lone_worker import built, staged
from udp_peers import EchoInstance, is_answered
from waiting import free_port, wait_for

pytest.importorskip("dns")
import dns.message  # noqa: E402
import dns.query  # noqa: E402

_NOBODY = 65534
_USAGE, _PERMISSION, _CONFIGURATION = 64, 77, 78


class Alone:
    """A folder with a snapshot file, and one worker that reads it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.snapshot = folder / "s.bin"
        self.process: subprocess.Popen | None = None

    def write(self, **tasks: int) -> None:
        """A state with an app for each name, whose one instance has that port."""
        apps = [{
            "id": f"/{name}", "instances": 1,
            "container": {"docker": {"network": "BRIDGE", "portMappings": [
                {"containerPort": 80, "hostPort": 0, "servicePort": self.service_ports[name],
                 "protocol": "udp" if name == "udp" else "tcp"}]}},
            "tasks": [{"id": f"{name}.1", "appId": f"/{name}", "host": "127.0.0.1",
                       "ports": [port], "state": "TASK_RUNNING"}]} for name, port in tasks.items()]
        (self.folder / "apps.json").write_text(json.dumps({"apps": apps}))
        subprocess.run([built("tests/tools/make_snapshot"), self.folder / "apps.json", "-o",
                        self.snapshot], check=True)
        self.snapshot.chmod(0o644)

    service_ports = {name: free_port() for name in ("web", "more", "udp")}

    def command(self, executable: pathlib.Path, *flags: str) -> list[str]:
        drop = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        writes = executable.name in ("mmsd-confd-writer", "mmsd-haproxy-manager")
        return [*(drop if os.geteuid() == 0 else []), str(executable), "--foreground",
                f"--snapshot={self.snapshot}",
                *([f"--run-state-dir={self.folder}"] if writes else []), *flags]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextlib.contextmanager
    def running(self, worker: str, *flags: str):
        """Starts a worker, and ends it as an operator would."""
        with staged(built(f"workers/{worker}/mmsd-{worker}")) as executable, \
                open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(self.command(executable, *flags), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
            try:
                wait_for("the state", lambda: "applied generation=1" in self.log())
                yield self
                self.process.send_signal(signal.SIGINT)
                assert self.process.wait(15) == 0, self.log()
            finally:
                self.process.kill()
                self.process.wait()

    def reload(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)


@pytest.fixture
def alone():
    with tempfile.TemporaryDirectory(prefix="mmsd-alone-") as folder:
        os.chmod(folder, 0o777)
        yield Alone(pathlib.Path(folder))


def test_files_follow_the_snapshot_file(alone):
    alone.write(web=31001)
    with alone.running("confd-writer"):
        web, more = (alone.folder / f"confd/{name}.instances" for name in ("web", "more"))
        wait_for("the file", lambda: "31001" in web.read_text())
        alone.write(web=31002, more=31003)
        alone.reload()
        wait_for("both files", lambda: more.exists() and "31002" in web.read_text())
        # What cannot be used changes nothing.
        alone.snapshot.write_bytes(b"nothing of ours")
        alone.reload()
        wait_for("the error", lambda: "snapshot file not used, the old state stays" in alone.log())
        alone.snapshot.unlink()
        alone.reload()
        wait_for("the error", lambda: "no such file" in alone.log())
        assert "31002" in web.read_text() and more.exists()


def test_dns(alone):
    alone.write(web=31001)
    port = free_port()
    with alone.running("dns-server", f"--dns-port={port}"):
        for ask in (dns.query.udp, dns.query.tcp):
            answer = ask(dns.message.make_query("web.mmsd.", "A"), "127.0.0.1", port=port, timeout=5)
            assert [item.to_text() for item in answer.answer[0]] == ["127.0.0.1"]


def test_api(alone):
    alone.write(web=31001)
    port = free_port()
    with alone.running("api-server", f"--api-port={port}"), \
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/instances/web", timeout=10) as answer:
        assert answer.read() == b"127.0.0.1:31001\n"


def test_udp(alone):
    instance = EchoInstance("a")
    alone.write(udp=instance.port)
    with alone.running("udp-balancer", "--enable-udp"):
        wait_for("datagrams to pass", lambda: is_answered(alone.service_ports["udp"]))
    instance.kill()


def test_haproxy(alone):
    with Backends(http=1) as backends:
        alone.write(web=backends.http[0])
        url = f"http://127.0.0.1:{alone.service_ports['web']}/"
        with alone.running("haproxy-manager", f"--haproxy-bin={haproxy_binary()}",
                           f"--haproxy-port={free_port()}", "--enable-health-checks=false"), \
                urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200
    # It does not stay behind: nobody would take it over.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", alone.service_ports["web"]), timeout=10)


@pytest.mark.parametrize("worker", ["api-server", "confd-writer", "dns-server"])
def test_refusals(alone, worker):
    """Told in one line that names what is wrong."""
    with staged(built(f"workers/{worker}/mmsd-{worker}")) as executable:

        def refused(command: list[str], status: int, *words: str) -> None:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            assert ended.returncode == status, ended.stderr
            assert len(ended.stderr.splitlines()) == 1, ended.stderr
            for word in words:
                assert word in ended.stderr

        ports = [f"--{name}-port={free_port()}" for name in ("api", "dns")
                 if worker.startswith(name)]
        refused(alone.command(executable, "--snapshot=", *ports), _USAGE, "--snapshot FILE")
        refused(alone.command(executable, *ports), _CONFIGURATION, str(alone.snapshot),
                "no such file")
        alone.snapshot.write_bytes(b"\0" * 64)
        refused(alone.command(executable, *ports), _CONFIGURATION, str(alone.snapshot))
        alone.write(web=31001)
        if os.geteuid() == 0:
            command = alone.command(executable, *ports)
            refused(command[command.index(str(executable)):], _PERMISSION, "refuses to run as root")
