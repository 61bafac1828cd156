# SPDX-License-Identifier: MIT
# The OpenRC service, with OpenRC's own tools in a container without systemd.
"""OpenRC."""

from __future__ import annotations

import host_roots
import pytest
from cluster import Cluster
from haproxy_traffic import Backends, Load
from nspawn_host import Host
from waiting import wait_for

_DEADLINE = 180
_PACKAGING = host_roots.SOURCE / "packaging/openrc"


@pytest.fixture
def bare_host(suite, deb, request):
    """A container in which OpenRC thinks that it has booted."""
    with Host(host_roots.openrc_root(suite, deb), is_booted=False) as host:
        request.node.host = host
        host.run("sed", "-i", 's/.*rc_sys=.*/rc_sys="lxc"/', "/etc/rc.conf")
        host.run("openrc", "-n", "boot", check=False)
        host.run("touch", "/run/openrc/softlevel")
        yield host


@pytest.fixture
def host(bare_host, deb):
    """mmsd is installed, its service is there and started."""
    with bare_host.network(), Backends(http=2, echo=1) as backends:
        cluster = Cluster(bare_host, backends)
        bare_host.install(deb)
        bare_host.write("/etc/init.d/mmsd", (_PACKAGING / "mmsd.initd").read_text())
        bare_host.run("chmod", "755", "/etc/init.d/mmsd")
        bare_host.run("mkdir", "-p", "/etc/conf.d")
        bare_host.write("/etc/conf.d/mmsd", (_PACKAGING / "mmsd.confd").read_text()
                        + 'MMSD_ULIMIT="-n 4096"\nMMSD_LOGGER="cat >>/var/log/mmsd"\n')
        bare_host.run("rc-update", "add", "mmsd", "default")
        bare_host.run("rc-service", "mmsd", "start")
        wait_for("the service", lambda: cluster.get(10080), _DEADLINE, 0.1)
        bare_host.cluster = cluster
        yield bare_host
        cluster.marathon.stop()


def main_pid(host) -> int:
    found = host.run("pgrep", "-o", "-x", "mmsd", check=False).split()
    return int(found[0]) if found else 0


def test_start_status_and_stop(host):
    assert "started" in host.run("rc-service", "mmsd", "status")
    assert host.run("ps", "-o", "user=", "-p", host.pid_of("api-server")).strip() == "mmsd-api"
    host.run("rc-service", "mmsd", "stop")
    assert not host.run("pgrep", "-l", "-u", "mmsd-haproxy,mmsd-watcher,mmsd-api",
                        check=False).strip()
    assert main_pid(host) == 0
    assert host.status("rc-service mmsd status") != 0


def test_reload_applies_a_good_file_and_refuses_a_bad_one(host):
    main = main_pid(host)
    host.write("/etc/mmsd/mmsd.conf", "api-port = 8085\n")
    host.run("rc-service", "mmsd", "reload")
    wait_for("the new port", lambda: host.cluster.get(8085, "/ping"), _DEADLINE, 0.1)
    host.write("/etc/mmsd/mmsd.conf", "api-port = many\n")
    assert host.status("rc-service mmsd reload") != 0
    assert host.cluster.get(8085, "/ping")
    assert main_pid(host) == main


def test_a_crash_is_mended_and_haproxy_serves_on(host):
    main = main_pid(host)
    haproxy = host.pids("mmsd-haproxy", "haproxy")
    with Load(10080, 10081, rate=100, kept=10, long_lived=5) as load:
        host.run("kill", "-9", main)
        wait_for("another one", lambda: main_pid(host) not in (0, main), _DEADLINE, 0.1)
        wait_for("its API", lambda: host.cluster.get(8082, "/v1/instances/shop/web"), _DEADLINE, 0.1)
    assert not load.result.failures, load.result.failures[:5]
    assert host.pids("mmsd-haproxy", "haproxy") == haproxy


def test_a_bad_file_is_told_before_the_start(host):
    host.run("rc-service", "mmsd", "stop")
    host.write("/etc/mmsd/mmsd.conf", "no-such-setting = 1\n")
    done = host.start("rc-service", "mmsd", "start")
    said, _ = done.communicate(timeout=60)
    assert done.returncode != 0 and "no-such-setting" in said
