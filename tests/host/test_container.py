# SPDX-License-Identifier: MIT
# The image: built by buildah from a Debian base, run by podman in a network of its own.
"""Container image. Needs a network for apt-get inside the build."""

from __future__ import annotations

import json
import subprocess

import host_roots
import pytest
from containers import import_root, own_network
from haproxy_traffic import Backends
from marathon_double import MarathonDouble
from waiting import wait_for

_DEADLINE = 90
_BASE = "localhost/debian:bookworm-slim"
_IMAGE = "localhost/mmsd"
_LIMITS = ("--read-only", "--tmpfs=/run", "--cap-drop=ALL", "--cap-add=CHOWN",
           "--cap-add=NET_BIND_SERVICE", "--cap-add=SETGID", "--cap-add=SETPCAP",
           "--cap-add=SETUID", "--security-opt=no-new-privileges", "--memory=512m",
           "--pids-limit=256")


@pytest.fixture(scope="module")
def image(tools, tmp_path_factory) -> str:
    """The image, built from what is committed."""
    import_root(tools, host_roots.base_root("bookworm"), _BASE)
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
