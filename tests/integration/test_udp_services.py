# SPDX-License-Identifier: MIT
# Real UDP services behind the UDP balancer.
"""DNS servers and syslog receivers, asked through mmsd-udp-balancer by real clients."""

from __future__ import annotations

import logging.handlers
import os
import shutil
import signal
import subprocess
import tempfile

import pytest

from lone_worker import LoneWorker, built, staged
from snapshot_frames import App, Instance, Port
from udp_peers import open_socket
from waiting import free_port, wait_for

dns_message = pytest.importorskip("dns.message")
dns_query = pytest.importorskip("dns.query")


@pytest.fixture
def worker():
    """A running balancer."""
    executable = built("workers/udp-balancer/mmsd-udp-balancer")
    with staged(executable) as path, LoneWorker(
        path, "udp-balancer", ["--bind-ip=127.0.0.1"]
    ) as running:
        yield running.ready()


@pytest.fixture
def run():
    """Runs servers in the foreground; all are ended at the end."""
    servers = []

    def begin(*command: str) -> subprocess.Popen:
        log = tempfile.TemporaryFile()
        servers.append(subprocess.Popen(command, stdout=log, stderr=log))
        servers[-1].log = log
        return servers[-1]

    yield begin
    for server in servers:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def find(program: str) -> str:
    """The program's path; it may be in sbin."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found or pytest.skip(f"{program} is not installed")


def resolve(port: int, name: str = "service.example.", kind: str = "A") -> list[str]:
    """The texts of the answer's records; nothing on a time-out."""
    question = dns_message.make_query(name, kind)
    answer = dns_query.udp(question, "127.0.0.1", port=port, timeout=1)
    return [item.to_text() for rrset in answer.answer for item in rrset]


def serve_through(worker, port: int, *instance_ports: int, **labels) -> None:
    """Applies a state with one service on these instances."""
    worker.apply(
        [
            App(
                "/service",
                [Port(port, labels={k.replace("_", "-"): v for k, v in labels.items()})],
                [Instance("127.0.0.1", [each]) for each in instance_ports],
            )
        ]
    )


def when_up(server: subprocess.Popen, port: int, *question) -> list[str]:
    """Waits for an answer: the server behind has just been started."""

    def ask():
        if server.poll() is not None:
            server.log.seek(0)
            pytest.fail(f"{server.args[0]} ended: {server.log.read().decode()}")
        try:
            return resolve(port, *question)
        except Exception as error:  # dnspython has many for "no answer yet"
            raise AssertionError(repr(error)) from error

    return wait_for("an answer", ask)


def test_dnsmasq_answers_through_the_balancer(worker, run):
    """Two of them; every client gets its answer, also a large one with EDNS."""
    instances = [free_port(), free_port()]
    dnsmasq = find("dnsmasq")
    servers = [
        run(
            dnsmasq, "--keep-in-foreground", "--no-daemon", "--no-resolv", "--no-hosts",
            "--conf-file=/dev/null", "--pid-file=", f"--port={instance}",
            "--listen-address=127.0.0.1", "--bind-interfaces", "--user=root",
            f"--host-record=service.example,10.0.0.{number + 1}",
            *(f"--txt-record=large.example,{letter * 200}" for letter in "abcde"),
        )
        for number, instance in enumerate(instances)
    ]  # fmt: skip
    port = free_port()
    serve_through(worker, port, *instances)
    for server, instance in zip(servers, instances):
        when_up(server, instance)
    seen = {tuple(resolve(port)) for _ in range(10)}
    assert seen == {("10.0.0.1",), ("10.0.0.2",)}
    large = dns_message.make_query("large.example.", "TXT", use_edns=0, payload=4096)
    answer = dns_query.udp(large, "127.0.0.1", port=port, timeout=5)
    assert len(answer.answer[0]) == 5


def test_nsd_answers_through_the_balancer(worker, run, tmp_path):
    """An authoritative server, asked for every type that its zone has."""
    nsd = find("nsd")
    instance, port = free_port(), free_port()
    (tmp_path / "zone").write_text(
        "$ORIGIN example.\n@ 60 SOA ns hostmaster 1 2 3 4 5\n@ 60 NS ns\nns 60 A 10.0.0.9\n"
        "service 60 A 10.0.0.1\nservice 60 AAAA fd00::1\n_dns._udp 60 SRV 1 1 53 service\n"
    )
    configuration = tmp_path / "nsd.conf"
    configuration.write_text(
        f"""server:
  ip-address: 127.0.0.1@{instance}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{tmp_path}"
  pidfile: "{tmp_path}/nsd.pid"
  xfrdfile: "{tmp_path}/xfrd.state"
  zonelistfile: "{tmp_path}/zone.list"
  cookie-secret-file: ""
remote-control:
  control-enable: no
zone:
  name: example
  zonefile: zone
"""
    )
    server = run(nsd, "-d", "-c", str(configuration))
    serve_through(worker, port, instance)
    assert when_up(server, port) == ["10.0.0.1"]
    assert resolve(port, "service.example.", "AAAA") == ["fd00::1"]
    assert resolve(port, "_dns._udp.example.", "SRV") == ["1 1 53 service.example."]


def test_syslog_fans_out_to_all_receivers(worker):
    """One way: each message reaches each receiver once, in order."""
    receivers = [open_socket() for _ in range(3)]
    port = free_port()
    serve_through(
        worker, port, *(each.getsockname()[1] for each in receivers), lb_mode="multicast"
    )
    handler = logging.handlers.SysLogHandler(("127.0.0.1", port))
    handler.append_nul = False
    logger = logging.getLogger("mmsd-test-syslog")
    logger.propagate = False
    logger.addHandler(handler)
    for number in range(200):
        logger.error("message %d", number)
    handler.close()
    expected = [f"<11>message {number}".encode() for number in range(200)]
    for receiver in receivers:
        assert [receiver.recv(100) for _ in range(200)] == expected
        receiver.close()
    report = worker.report()
    assert report.value("udp_datagrams_in_total") == 200
    assert report.value("udp_sessions") == 1
