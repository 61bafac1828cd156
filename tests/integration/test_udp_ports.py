# SPDX-License-Identifier: MIT
# Which service ports the UDP balancer serves, and what it says of the others.
"""Ports in use, conflicts, bad labels, privileged ports."""

from __future__ import annotations

import os
import pathlib

import pytest

from udp_fixtures import app, executable, make_instance, start  # noqa: F401
from udp_peers import Client, open_socket
from waiting import free_port, wait_for


def test_a_port_in_use_is_told_and_retried(start, make_instance):
    """The others are served meanwhile."""
    instance = make_instance()
    other = free_port()
    worker = start()
    with open_socket() as squatter:
        port = squatter.getsockname()[1]
        result, text = worker.apply([app(port, instance), app(other, instance, id="/other")])
        assert (result, text) == ("applied", "1 service ports cannot be bound, are retried")
        assert Client(other).ask() == "a"
        refusals = worker.report().refusals
        assert refusals == [("/echo", 0, f"UDP 127.0.0.1:{port}: Address already in use")]
    client = Client(port)

    def ask_quickly():
        client.send(b"?")
        return client.receive(0.2)

    assert wait_for("service after the port is free", ask_quickly) == b"a:?"
    assert worker.report().refusals == []


def test_conflicts_bad_labels_and_groups_cost_one_port_only(start, make_instance):
    """The stable winner stays when an older claimant comes."""
    port, other = free_port(), free_port()
    a, b = make_instance("a"), make_instance("b")
    dns = free_port()
    worker = start(
        "--bind-ip=127.0.0.1", "--filter-groups=lan", "--enable-dns", f"--dns-port={dns}"
    )
    lan = {"lb-group": "lan"}
    worker.apply([app(port, a, labels=lan, id="/young")])
    old = app(port, b, labels=lan, id="/old", version="2020-01-01T00:00:00.000Z")
    result = worker.apply(
        [
            app(port, a, labels=lan, id="/young"),
            old,
            app(other, a, labels={**lan, "lb-mode": "anycast"}, id="/bad"),
            app(dns, a, labels=lan, id="/dns"),
            app(free_port(), a, id="/elsewhere"),
        ]
    )
    assert result == ("unchanged", "")
    assert Client(port).ask() == "a"
    report = worker.report()
    assert dict((refusal[0], refusal[2]) for refusal in report.refusals) == {
        "/old": f"service port {port} taken by /young port index 0",
        "/bad": 'label lb-mode="anycast": expected roundrobin or multicast',
        "/dns": f"service port {dns} is mmsd's own (DNS)",
    }
    assert report.value("udp_services") == 1
    worker.apply([old])
    assert Client(port).ask() == "b"


def test_a_removed_service_frees_its_port(start, make_instance):
    """At once, sessions included; the sums go on."""
    port = free_port()
    worker = start()
    worker.apply([app(port, make_instance())])
    assert Client(port).ask() == "a"
    assert worker.apply([])[0] == "applied"
    open_socket(port=port).close()
    report = worker.report()
    assert report.value("udp_sessions") == 0
    assert report.value("udp_datagrams_in_total") == 1


def test_a_privileged_port_needs_that_one_capability(start, make_instance):
    """CAP_NET_BIND_SERVICE, ambient after exec, nothing else."""
    if os.getuid() != 0:
        pytest.skip("giving a capability needs root")
    first = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    port = next((each for each in range(600, min(first, 1000)) if is_free(each)), None)
    if port is None:
        pytest.skip("no privileged port is free")
    instance = make_instance()
    worker = start(capability="net_bind_service")
    worker.apply([app(port, instance)])
    assert Client(port).ask() == "a"
    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
    assert "CapEff:\t0000000000000400" in status
    assert "CapBnd:\t0000000000000400" in status
    assert "Seccomp:\t2" in status
    worker.stop()

    without = start()
    without.apply([app(port, instance)])
    assert without.report().refusals == [
        ("/echo", 0, f"UDP 127.0.0.1:{port}: Permission denied")
    ]


def is_free(port: int) -> bool:
    """True if the UDP port can be bound."""
    try:
        open_socket(port=port).close()
    except OSError:
        return False
    return True
