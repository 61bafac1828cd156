# SPDX-License-Identifier: MIT
# The Debian package on a booted Debian: upgrade under load, removal, purge.
"""Life of the package."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import host_roots
import pytest
from dns_load import DnsLoad
from haproxy_traffic import Load
from waiting import wait_for

_DEADLINE = 180
_CONFD = "/run/mmsd/confd"


def snapshot(host) -> set[str]:
    """Every file of the host that a package could leave behind."""
    found = host.run("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path",
                     "/exchange", "-o", "-path", "/var/lib/dpkg", "-o", "-path", "/var/log", "-o",
                     "-path", "/tmp", ")", "-prune", "-o", "-name", "*mmsd*", "-print")
    found += host.run("find", "/run", "-name", "*mmsd*", "-not", "-path", "/run/systemd/*")
    return set(found.split())


class FileWatch:
    """Looks at the upstream files over and over, from outside; each look that lacks one counts."""

    def __init__(self, host) -> None:
        self._folder = pathlib.Path(f"/proc/{host.leader}/root{_CONFD}")
        self._wanted = {path.name for path in self._folder.glob("*.instances")}
        assert self._wanted
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.looks = 0
        self.missing: list[str] = []

    def __enter__(self) -> FileWatch:
        self._thread.start()
        return self

    def __exit__(self, *_exception) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.002):
            self.looks += 1
            for name in self._wanted:
                try:
                    if "127.0.0.1:" not in (self._folder / name).read_text():
                        self.missing.append(f"{name} without instances")
                except FileNotFoundError:
                    self.missing.append(name)


def processes(cluster) -> dict[str, int]:
    """Pids of the running processes, by name, as the API tells."""
    status = json.loads(cluster.get(8082, "/v1/status") or "{}")
    return {each["name"]: each["pid"] for each in status.get("processes", [])
            if each["phase"] == "running"}


def exchange(host, cluster, package, version: str) -> str:
    """Installs a package over the running one and waits until all is of it. @return dpkg's words"""
    before = processes(cluster)
    said = host.install(package)
    wait_for(f"version {version}", lambda: (cluster.get(8082, "/version") or "").split()[-1:]
             == [version], _DEADLINE, 0.1)
    wait_for("new processes", lambda: set(processes(cluster)) == set(before)
             and not set(processes(cluster).values()) & set(before.values()), _DEADLINE, 0.1)
    # The supervisor is the new program, too, not the old one with new workers.
    running, installed = (host.run("sha256sum", path).split()[0]
                          for path in (f"/proc/{host.main_pid}/exe", "/usr/sbin/mmsd"))
    assert running == installed
    return said


def test_upgrades_under_load_lose_nothing(host, cluster, deb, newer_deb):
    """There, back, and there again."""
    wait_for("all processes", lambda: len(processes(cluster)) == 6, _DEADLINE, 0.1)
    main = host.main_pid
    haproxy = host.pids("mmsd-haproxy", "haproxy")
    assert len(haproxy) == 1
    assert cluster.get(8082, "/version").split()[-1] == "1.0.0"
    with (Load(10080, 10081, rate=1000) as load, DnsLoad("web.shop.mmsd", 53) as dns,
          FileWatch(host) as files):
        for package, version in ((newer_deb, "1.0.1"), (deb, "1.0.0"), (newer_deb, "1.0.1")):
            said = exchange(host, cluster, package, version)
            assert host.main_pid == main, f"restarted instead of executed anew: {said}"
    print(f"upgrades under load: {load.result}; {dns.answers}; {files.looks} looks at files",
          file=sys.stderr)
    assert not load.result.failures, load.result.failures[:5]
    assert load.result.echoes > 0
    assert dns.answers.bad == 0
    assert dns.answers.missing == 0
    assert files.looks > 0 and not files.missing
    assert host.pids("mmsd-haproxy", "haproxy") == haproxy
    assert host.properties("NRestarts", "ActiveState") == {"NRestarts": "0",
                                                           "ActiveState": "active"}
    wait_for("everything as before", cluster.is_served, _DEADLINE, 0.1)


def test_policy_may_forbid_the_upgrade_in_place(host, cluster, newer_deb):
    """policy-rc.d(8): what runs goes on until somebody restarts it."""
    wait_for("all processes", lambda: len(processes(cluster)) == 6, _DEADLINE, 0.1)
    before, main = processes(cluster), host.main_pid
    host.write("/usr/sbin/policy-rc.d", '#!/bin/sh\necho "$@" >>/run/asked\nexit 101\n')
    host.run("chmod", "755", "/usr/sbin/policy-rc.d")
    said = host.install(newer_deb)
    assert "policy-rc.d forbids" in said
    assert "mmsd.service restart" in host.run("cat", "/run/asked")
    assert host.main_pid == main and processes(cluster) == before
    assert cluster.get(8082, "/version").split()[-1] == "1.0.0"
    host.run("rm", "/usr/sbin/policy-rc.d")
    host.run("systemctl", "restart", "mmsd")
    wait_for("version 1.0.1", lambda: (cluster.get(8082, "/version") or "").split()[-1:]
             == ["1.0.1"], _DEADLINE, 0.1)


def test_an_upgrade_keeps_the_settings(host, newer_deb):
    before = host.run("cat", "/etc/mmsd/mmsd.conf")
    said = host.install(newer_deb)
    assert host.run("cat", "/etc/mmsd/mmsd.conf") == before
    assert "conffile" not in said.lower()


def test_an_upgrade_of_a_stopped_service_is_quiet(bare_host, deb, newer_deb):
    bare_host.install(deb)
    bare_host.run("systemctl", "disable", "--now", "mmsd")
    bare_host.install(newer_deb)
    assert bare_host.properties("ActiveState")["ActiveState"] == "inactive"
    assert bare_host.status("systemctl is-enabled mmsd") != 0


def test_removal_stops_and_purge_leaves_nothing(bare_host, cluster, deb):
    before = snapshot(bare_host)
    bare_host.install(deb)
    wait_for("the service", lambda: cluster.get(10080), _DEADLINE, 0.1)
    bare_host.run("dpkg", "--remove", "mmsd")
    assert not bare_host.run("pgrep", "-l", "-u", "mmsd-haproxy,mmsd-watcher,mmsd-api",
                             check=False).strip()
    assert cluster.get(10080) is None
    assert bare_host.status("test -e /etc/mmsd/mmsd.conf") == 0, "removal keeps the settings"
    bare_host.run("dpkg", "--purge", "mmsd")
    left = snapshot(bare_host) - before
    # How Debian remembers that a purged service is not to be started by a later file of that name.
    assert not {path for path in left if "deb-systemd-helper" not in path}
    assert bare_host.status("systemctl cat mmsd") != 0


def test_removal_ends_what_a_crash_has_left(bare_host, cluster, deb):
    bare_host.install(deb)
    wait_for("the service", lambda: cluster.get(10080), _DEADLINE, 0.1)
    bare_host.run("mkdir", "-p", "/run/systemd/system/mmsd.service.d")
    bare_host.write("/run/systemd/system/mmsd.service.d/no-restart.conf", "[Service]\nRestart=no\n")
    bare_host.run("systemctl", "daemon-reload")
    bare_host.run("kill", "-9", bare_host.main_pid)
    wait_for("the failure", lambda: bare_host.properties("ActiveState")["ActiveState"] == "failed",
             _DEADLINE, 0.1)
    assert cluster.get(10080), "HAProxy serves on"
    bare_host.run("dpkg", "--remove", "mmsd")
    wait_for("HAProxy's end", lambda: not bare_host.pids("mmsd-haproxy", "haproxy"), _DEADLINE, 0.1)


def test_the_package_needs_what_the_build_list_says():
    """packaging/deps/build.txt is what a user installs; it must be what the package needs."""
    listed = {line for line in (host_roots.SOURCE / "packaging/deps/build.txt").read_text().split("\n")
              if line and not line.startswith("#")}
    of_debian = {"debhelper", "dh-apparmor", "dh-sequence-installsysusers", "systemd-dev", "catch2",
                 "python3"}
    assert set(host_roots.build_dependencies()) - of_debian == listed


def test_lintian_has_nothing_left_to_say(suite, deb):
    if suite != host_roots.running_suite():
        pytest.skip("lintian of another release")
    if shutil.which("lintian") is None:
        pytest.skip("no lintian")
    [changes] = deb.parent.glob("*.changes")
    checked = subprocess.run(["lintian", "--pedantic", "--info", "-EvI", "--color=never",
                              "--allow-root", changes], capture_output=True, text=True, check=False)
    found = re.findall(r"^[EWIPX]: .*", checked.stdout, re.MULTILINE)
    assert not found
    assert "Starting on group" in checked.stdout + checked.stderr or checked.returncode == 0


def test_hardening_flags_are_in_force(deb, tmp_path):
    if shutil.which("hardening-check") is None:
        pytest.skip("no hardening-check")
    subprocess.run(["dpkg-deb", "-x", deb, tmp_path], check=True)
    programs = [path for path in tmp_path.rglob("*") if path.is_file() and os.access(path, os.X_OK)]
    assert len(programs) >= 7
    for program in programs:
        # The linker drops the mark of -fcf-protection, as Debian's start-up objects have none.
        checked = subprocess.run(["hardening-check", "--nocfprotection",
                                  program], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
