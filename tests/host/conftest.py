# SPDX-License-Identifier: MIT
# Fixtures of the host tests: packages, a booted host, and a served app on it.
"""Fixtures of the host tests. MMSD_HOST_SUITE: the Debian release (bookworm)."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import host_roots  # noqa: E402
from cluster import Cluster  # noqa: E402
from containers import Tools  # noqa: E402
from haproxy_traffic import Backends  # noqa: E402
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
    """The package of what is committed; for another release, after its unit tests have passed there,
    with its compiler and libraries."""
    return host_roots.package(suite, VERSION, checks=suite != host_roots.running_suite())


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


@pytest.fixture(scope="module")
def tools():
    """podman and buildah, without anything that this machine has."""
    missing = [tool for tool in ("buildah", "podman", "runc", "mmdebstrap")
               if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'nothing else'}")
    # podman wants a short path here.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsd-", dir="/var/tmp"))
    tools = Tools(folder)
    yield tools
    tools.run("podman", "rm", "--all", "--force", check=False)
    tools.run("podman", "rmi", "--all", "--force", check=False)
    subprocess.run(["umount", "-q", folder / "storage/overlay"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the journal of the host on which a test failed."""
    report = (yield).get_result()
    if report.failed and report.when != "teardown" and hasattr(item, "host"):
        log = item.host.run("journalctl", "--no-pager", "-o", "short-monotonic", check=False)
        report.sections.append(("journal", log[-20000:]))


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
