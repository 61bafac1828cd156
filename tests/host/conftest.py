# SPDX-License-Identifier: MIT
# Fixtures of the host tests: packages, a booted host, and a served app on it.
"""Fixtures of the host tests. MMSD_HOST_SUITE: the Debian release (bookworm)."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import host_roots  # noqa: E402
from haproxy_traffic import Backends  # noqa: E402
from marathon_double import MarathonDouble  # noqa: E402
from nspawn_host import Host  # noqa: E402
from waiting import wait_for  # noqa: E402

VERSION = "1.0.0-1"
NEWER_VERSION = "1.0.1-1"
_TOOLS = ("mmdebstrap", "systemd-nspawn", "dpkg-buildpackage", "dh", "dh_apparmor", "nsenter")
_SETTINGS = "marathon-ip = 127.0.0.1\nenable-dns = true\nenable-gateway = true\n"


@pytest.fixture(scope="session")
def suite() -> str:
    """The Debian release under test."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    return os.environ.get("MMSD_HOST_SUITE", "bookworm")


@pytest.fixture(scope="session")
def deb(suite) -> pathlib.Path:
    """The package of what is committed."""
    return host_roots.package(suite, VERSION)


@pytest.fixture(scope="session")
def newer_deb(suite) -> pathlib.Path:
    """The same with a higher version, of package and program."""
    return host_roots.package(suite, NEWER_VERSION)


@pytest.fixture
def bare_host(suite, deb, request):
    """A booted host that has all but the package."""
    with Host(host_roots.host_root(suite, deb)) as host:
        request.node.host = host
        yield host


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the journal of the host on which a test failed."""
    report = (yield).get_result()
    if report.failed and report.when != "teardown" and hasattr(item, "host"):
        log = item.host.run("journalctl", "--no-pager", "-o", "short-monotonic", check=False)
        report.sections.append(("journal", log[-20000:]))


class Cluster:
    """A Marathon on a host, with an HTTP app and an echoing one that are really there."""

    def __init__(self, host: Host, backends: Backends) -> None:
        self.host = host
        self.marathon = MarathonDouble("1.8", port=8080, hosts=["127.0.0.1"])
        self._backends = backends
        self.marathon.add_app("/shop/web", instances=0, network="bridge",
                              ports=[{"service_port": 10080, "container_port": 80}],
                              labels={"proto": "http", "lb-vhost": "web.test"})
        self.marathon.add_app("/shop/echo", instances=0, network="bridge",
                              ports=[{"service_port": 10081, "container_port": 7}])
        for _ in backends.http:
            self._grow("/shop/web", backends.http)
        self._grow("/shop/echo", backends.echo)

    def _grow(self, app_id: str, ports: list[int]) -> None:
        app = self.marathon.server.operations.apps[app_id]
        app.ports[0].host_port = ports[len(app.tasks)]
        self.marathon.scale(app_id, len(app.tasks) + 1)

    def get(self, port: int, path: str = "/", host: str = "any") -> str | None:
        """The body of a 200 answer on that port of the host, else None."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode() if answer.status == 200 else None
        except OSError:
            return None

    def is_served(self) -> bool:
        """True if the web app answers through HAProxy, by port and by name, and by file and API."""
        wanted = {str(port) for port in self._backends.http}
        return (self.get(10080) in wanted and self.get(80, host="web.test") in wanted
                and (self.get(8082, "/v1/instances/shop/web") or "").count("\n") == len(wanted)
                and "127.0.0.1:" in self.host.run("cat", "/run/mmsd/confd/shop.web.instances",
                                                  check=False))


@pytest.fixture
def cluster(bare_host):
    """A Marathon, and apps that mmsd is to serve, in a host's network."""
    with bare_host.network(), Backends(http=2, echo=1) as backends:
        cluster = Cluster(bare_host, backends)
        yield cluster
        cluster.marathon.stop()


@pytest.fixture
def host(bare_host, deb, cluster):
    """A host on which the package is installed and serves the cluster's apps."""
    bare_host.run("mkdir", "-p", "/etc/mmsd")
    bare_host.install(deb)
    bare_host.write("/etc/mmsd/mmsd.conf", _SETTINGS)
    bare_host.run("systemctl", "restart", "mmsd")
    wait_for("the service", cluster.is_served, 180, 0.1)
    return bare_host
