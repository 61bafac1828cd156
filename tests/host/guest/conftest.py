# SPDX-License-Identifier: MIT
# Fixtures inside the virtual machine: it is the host, and it has the package and a cluster.
"""Fixtures of the guest."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest
from cluster import Cluster
from haproxy_traffic import Backends
from udp_peers import EchoInstance
from waiting import wait_for

DEADLINE = 600  # the emulated processors may be a hundred times slower than real ones
SETTINGS = "marathon-ip = 127.0.0.1\nenable-dns = true\nenable-gateway = true\n"


class Machine:
    """This machine, with the words of nspawn_host.Host."""

    def run(self, *command, check: bool = True) -> str:
        """@return standard output and error"""
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                              check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: status {done.returncode}: {done.stdout}")
        return done.stdout

    def properties(self, *names: str) -> dict[str, str]:
        shown = self.run("systemctl", "show", "mmsd", *(f"-p{name}" for name in names))
        return dict(line.split("=", 1) for line in shown.splitlines())

    @property
    def main_pid(self) -> int:
        return int(self.properties("MainPID")["MainPID"])

    def pid_of(self, process: str) -> int:
        """0 while it does not run."""
        try:
            return int(pathlib.Path(f"/run/mmsd/pids/{process}.pid").read_text())
        except FileNotFoundError:
            return 0

    @property
    def cgroup(self) -> pathlib.Path:
        return pathlib.Path("/sys/fs/cgroup" + self.properties("ControlGroup")["ControlGroup"])

    def pids(self) -> dict[int, str]:
        """Every process of the service, with its name."""
        found = {}
        for pid in (self.cgroup / "cgroup.procs").read_text().split():
            found[int(pid)] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        return found

    def kernel_log(self) -> list[str]:
        return self.run("dmesg").splitlines()

    def denials(self) -> list[str]:
        """What AppArmor has refused to mmsd, or would have."""
        return [line for line in self.kernel_log()
                if re.search(r'apparmor="(DENIED|ALLOWED)".*profile="mmsd"', line)]


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine()


@pytest.fixture(scope="session")
def cluster(machine):
    """mmsd is installed and serves HTTP, TCP, UDP, DNS, files."""
    udp = EchoInstance("udp")
    with Backends(http=2, echo=1) as backends:
        cluster = Cluster(machine, backends)
        cluster.marathon.add_app("/shop/udp", instances=0, network="bridge", ports=[
            {"service_port": 10082, "protocol": "udp"}])
        cluster.marathon.server.operations.apps["/shop/udp"].ports[0].host_port = udp.port
        cluster.marathon.scale("/shop/udp", 1)
        pathlib.Path("/etc/mmsd").mkdir()
        machine.run("dpkg", "-i", os.environ["MMSD_PACKAGE"])
        pathlib.Path("/etc/mmsd/mmsd.conf").write_text(SETTINGS)
        machine.run("systemctl", "restart", "mmsd")
        wait_for("the service", cluster.is_served, DEADLINE, 0.5)
        yield cluster
        cluster.marathon.stop()
    udp.kill()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the service and the kernel said to a failure."""
    report = (yield).get_result()
    if report.failed:
        machine = Machine()
        log = machine.run("journalctl", "-u", "mmsd", "--no-pager", "-o", "cat", check=False)
        report.sections.append(("journal", log[-4000:]))
        report.sections.append(("AppArmor", "\n".join(machine.denials())[-6000:]))
