# SPDX-License-Identifier: MIT
# podman and buildah with storage and settings of their own, and networks to run them in.
"""Containers for the host tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import subprocess

_CLONE_NEWNET = 0x40000000
# Cgroups of version 1 and 2 side by side, and limits that the tests' own session cannot raise.
_CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Tools:
    """buildah and podman with storage and settings of their own."""

    def __init__(self, folder: pathlib.Path) -> None:
        (folder / "containers.conf").write_text(_CONTAINERS_CONF)
        (folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\n'
            f'runroot = "{folder}/run"\n')
        self.environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf"),
                            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf")}

    def run(self, tool: str, *arguments, check: bool = True, **options) -> str:
        """Runs one of them. @return what it said"""
        done = subprocess.run([tool, *(str(part) for part in arguments)],
                              env=self.environment, stdout=subprocess.PIPE,
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


def import_root(tools: Tools, root: pathlib.Path, name: str) -> None:
    """Makes an image of a root file system."""
    packed = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    tools.run("podman", "import", "-", name, stdin=packed.stdout)
    assert packed.wait() == 0
