# SPDX-License-Identifier: MIT
# The image: built by buildah from a Debian base, run by podman in a network of its own.
"""Container image. Needs a network for apt-get inside the build."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import host_roots
import pytest
from haproxy_traffic import Backends
from marathon_double import MarathonDouble
from waiting import wait_for

_DEADLINE = 90
_CLONE_NEWNET = 0x40000000
_BASE = "localhost/debian:bookworm-slim"
_IMAGE = "localhost/mmsd"
# Cgroups of version 1 and 2 side by side, and limits that the tests' own session cannot raise.
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
_LIMITS = ("--read-only", "--tmpfs=/run", "--cap-drop=ALL", "--cap-add=CHOWN", "--cap-add=KILL",
           "--cap-add=NET_BIND_SERVICE", "--cap-add=SETGID", "--cap-add=SETPCAP",
           "--cap-add=SETUID", "--security-opt=no-new-privileges", "--memory=512m",
           "--pids-limit=256")


class Tools:
    """buildah and podman with storage and settings of their own."""

    def __init__(self, folder: pathlib.Path) -> None:
        (folder / "containers.conf").write_text(_CONTAINERS_CONF)
        self._environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        self._storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]

    def run(self, tool: str, *arguments, check: bool = True, **options) -> str:
        """Runs one of them. @return what it said"""
        done = subprocess.run([tool, *self._storage, *(str(part) for part in arguments)],
                              env=self._environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **options)
        text = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{tool} {arguments}: status {done.returncode}: {text[-4000:]}")
        return text


@contextlib.contextmanager
def own_network():
    """This thread, and what it starts, in a new network with a loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as own:
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            libc.setns(own.fileno(), _CLONE_NEWNET)


@pytest.fixture(scope="module")
def tools():
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


@pytest.fixture(scope="module")
def image(tools, tmp_path_factory) -> str:
    """The image, built from what is committed."""
    root = host_roots.base_root("bookworm")
    packed = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    tools.run("podman", "import", "-", _BASE, stdin=packed.stdout)
    packed.wait()
    tree = tmp_path_factory.mktemp("tree")
    archive = subprocess.run(["git", "-c", "safe.directory=*", "-C", host_roots.SOURCE, "archive",
                              "HEAD"], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    tools.run("buildah", "bud", "--isolation=chroot", "--network=host", "--format=docker",
              f"--build-arg=BASE={_BASE}", "-f", "packaging/docker/Dockerfile", "-t", _IMAGE, ".",
              cwd=tree)
    return _IMAGE


@pytest.fixture
def running(tools, image):
    """@return name of a running container, in a network that has a Marathon and an app"""
    with own_network(), Backends(http=1) as backends:
        marathon = MarathonDouble("1.8", port=8080, hosts=["127.0.0.1"])
        marathon.add_app("/web", instances=0, network="bridge", labels={"proto": "http"},
                         ports=[{"service_port": 10080, "container_port": 80}])
        marathon.server.operations.apps["/web"].ports[0].host_port = backends.http[0]
        marathon.scale("/web", 1)
        tools.run("podman", "run", "--detach", "--name=mmsd", "--network=host", *_LIMITS, image,
                  "--marathon-ip=127.0.0.1")
        yield "mmsd"
        tools.run("podman", "rm", "--force", "mmsd", check=False)
        marathon.stop()


def is_served() -> bool:
    done = subprocess.run(["curl", "-fsS", "http://127.0.0.1:10080/"], capture_output=True,
                          check=False)
    return done.returncode == 0


def test_the_container_serves_and_stops(tools, running):
    try:
        wait_for("the app", is_served, _DEADLINE, 0.2)
    except AssertionError as error:
        raise AssertionError(tools.run("podman", "logs", running, check=False)) from error
    top = tools.run("podman", "top", running, "user", "comm")
    for user in ("root", "mmsd-watcher", "mmsd-haproxy", "mmsd-confd", "mmsd-api", "mmsd-udp"):
        assert user in top
    wait_for("the health check", lambda: "unhealthy" not in tools.run(
        "podman", "healthcheck", "run", running, check=False), _DEADLINE, 0.5)
    limits = json.loads(tools.run("podman", "inspect", running))[0]["HostConfig"]
    assert limits["Memory"] == 512 << 20 and limits["PidsLimit"] == 256
    tools.run("podman", "kill", "-s", "HUP", running)
    wait_for("the reload", lambda: "configuration read again" in tools.run(
        "podman", "logs", running), _DEADLINE, 0.2)
    assert is_served()
    tools.run("podman", "stop", "--time=15", running)
    assert tools.run("podman", "wait", running).strip() == "0"
    assert not is_served()
