# SPDX-License-Identifier: MIT
# Everything switched on: one app of Marathon, and how to see it in each output of mmsd.
"""A cluster with one HTTP app, and what all workers make of it."""

from __future__ import annotations

import http.client
import pathlib

import dns.message
import dns.query
from mmsd_harness import OPTIONAL_PROCESSES, PROCESSES, Mmsd
from waiting import free_port

EVERY = {**PROCESSES, **OPTIONAL_PROCESSES}


def haproxies(mmsd: Mmsd) -> list[int]:
    """All HAProxy processes of that mmsd, also those that outlived it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"-db" in command and any(part.startswith(bytes(mmsd.state)) for part in command):
            found.append(int(entry.name))
    return found


class Cluster:
    """A Marathon double with one HTTP app whose instances are real, and where it is exposed."""

    def __init__(self, double, backends) -> None:
        self.double = double
        self.backends = backends.http
        self.service_port = free_port()
        self.gateway_port = free_port()
        self.dns_port = free_port()
        double.add_app(
            "/shop/web", instances=0, network="bridge",
            ports=[{"service_port": self.service_port, "container_port": 80}],
            labels={"proto": "http", "lb-vhost": "web.test"},
        )
        self.grow()
        self.grow()

    def grow(self) -> None:
        """One more instance, on the port of the next backend."""
        app = self.double.server.operations.apps["/shop/web"]
        app.ports[0].host_port = self.backends[len(app.tasks)]
        self.double.scale("/shop/web", len(app.tasks) + 1)

    @property
    def ports(self) -> set[int]:
        tasks = self.double.server.operations.apps["/shop/web"].tasks
        return {task.ports[0] for task in tasks}

    def flags(self) -> list[str]:
        return [
            "--enable-tcp=true", "--enable-udp=true", "--enable-dns", "--enable-gateway",
            f"--dns-port={self.dns_port}", f"--haproxy-port={free_port()}",
            "--gateway-bind=127.0.0.1", f"--gateway-port-http={self.gateway_port}",
            f"--gateway-port-https={free_port()}",
        ]


def ask(port: int, host: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_routed(port: int, host: str = "any") -> bool:
    try:
        return ask(port, host)[0] == 200
    except OSError:
        return False


def srv_ports(port: int) -> set[int]:
    query = dns.message.make_query("web.shop.mmsd.", "SRV")
    answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=10)
    return {record.port for rrset in answer.answer for record in rrset}


def served_ports(port: int, host: str = "any") -> set[int]:
    """Which instances answer, each named by its port."""
    return {int(ask(port, host)[1]) for _ in range(20)}


def shows(cluster: Cluster, mmsd: Mmsd) -> bool:
    """True if each output has exactly the instances that Marathon has."""
    lines = {f"127.0.0.1:{port}" for port in cluster.ports}
    content = (mmsd.confd / "shop.web.instances").read_text()
    assert set(content.partition("\n\n")[2].split()) == lines
    assert set(mmsd.get("/v1/instances/shop/web").lines) == lines
    assert srv_ports(cluster.dns_port) == cluster.ports
    assert served_ports(cluster.service_port) == cluster.ports
    assert served_ports(cluster.gateway_port, "web.test") == cluster.ports
    return True


def all_applied(mmsd: Mmsd) -> bool:
    applied = {each["name"]: each["generation"] for each in mmsd.status()["processes"]}
    return set(applied) == set(EVERY) and all(
        generation > 0 for name, generation in applied.items() if name != "marathon-watcher"
    )


def has_applied(mmsd: Mmsd, name: str) -> bool:
    for process in mmsd.status()["processes"]:
        if process["name"] == name:
            return process["pid"] == mmsd.pid(name) and process["phase"] == "running"
    return False
