# SPDX-License-Identifier: MIT
# The optional sockets of systemd: the first client starts mmsd, and a restart refuses nobody.
"""mmsd-api.socket and mmsd-dns.socket on a booted Debian."""

from __future__ import annotations

import sys

import pytest
from dns_load import DnsLoad
from test_package import exchange, processes
from waiting import wait_for

_DEADLINE = 180
_UNITS = ("mmsd-api.socket", "mmsd-dns.socket")


def sockets_of(host, pid: int) -> set[str]:
    """Inodes of the sockets that a process of the host has open."""
    return set(host.run("sh", "-c", f"ls -l /proc/{pid}/fd | sed -n 's/.*-> socket://p'").split())


@pytest.fixture
def activated(host, cluster):
    """mmsd is stopped, and systemd listens for it."""
    host.run("systemctl", "stop", "mmsd")
    host.run("systemctl", "enable", "--now", *_UNITS)
    return host


def test_the_first_client_starts_it(activated, cluster):
    assert activated.properties("ActiveState")["ActiveState"] == "inactive"
    assert cluster.get(8082, "/ping") == "pong\n"
    wait_for("the service", cluster.is_served, _DEADLINE, 0.1)
    assert len(sockets_of(activated, 1) & sockets_of(activated, activated.main_pid)) >= 3


def test_restart_and_upgrade_lose_no_query(activated, cluster, newer_deb):
    activated.run("systemctl", "start", "mmsd")
    wait_for("the service", cluster.is_served, _DEADLINE, 0.1)
    with DnsLoad("web.shop.mmsd", 53, rate=500) as dns:
        activated.run("systemctl", "restart", "mmsd")
        wait_for("all processes", lambda: len(processes(cluster)) == 6, _DEADLINE, 0.1)
        exchange(activated, cluster, newer_deb, "1.0.1")
    print(f"restart and upgrade with sockets of systemd: {dns.answers}", file=sys.stderr)
    assert dns.answers.sent > 0 and dns.answers.missing == 0 and dns.answers.bad == 0
    for unit in _UNITS:
        assert activated.run("systemctl", "is-active", unit).strip() == "active"
    assert len(sockets_of(activated, 1) & sockets_of(activated, activated.main_pid)) >= 3


def test_a_socket_that_does_not_fit_is_named(activated):
    activated.write("/etc/mmsd/mmsd.conf", "enable-dns = false\n")
    assert activated.status("systemctl start mmsd") != 0
    assert activated.properties("ExecMainStatus", "NRestarts") == {"ExecMainStatus": "78",
                                                                   "NRestarts": "0"}
    assert '"dns"' in activated.run("journalctl", "-u", "mmsd", "--no-pager")


def test_removal_closes_the_ports(activated, cluster):
    activated.run("systemctl", "start", "mmsd")
    activated.run("dpkg", "--purge", "mmsd")
    assert cluster.get(8082, "/ping") is None
    for unit in _UNITS:
        assert activated.status(f"systemctl is-active {unit}") != 0
        assert activated.status(f"systemctl cat {unit}") != 0
    assert "mmsd" not in activated.run("find", "/etc/systemd", "-name", "*mmsd*")
