# SPDX-License-Identifier: MIT
# AppArmor that enforces, limits of memory and tasks, seccomp's audit, a network that loses packets.
"""Runs as root in a virtual machine that is thrown away; prints what it has seen as "shown: "."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest
from conftest import DEADLINE, SETTINGS
from foreign_call import ForeignProcess
from udp_peers import Client
from waiting import wait_for

_SYS_SOCKET, _AF_INET, _SOCK_STREAM = 41, 2, 1
_PROCESSES = {"marathon-watcher", "confd-writer", "api-server", "haproxy-manager", "dns-server",
              "udp-balancer"}


def show(capfd, text: str) -> None:
    with capfd.disabled():
        print(f"\nshown: {text}", flush=True)


def all_running(cluster) -> bool:
    status = json.loads(cluster.get(8082, "/v1/status") or "{}")
    phases = {each["name"]: each["phase"] for each in status.get("processes", [])}
    return set(phases) == _PROCESSES and set(phases.values()) == {"running"}


def everything_works(machine, cluster) -> None:
    """Each output answers."""
    wait_for("the service", cluster.is_served, DEADLINE, 0.5)
    wait_for("all processes", lambda: all_running(cluster), DEADLINE, 0.5)
    client = Client(10082)
    wait_for("UDP", lambda: client.ask(b"x") == "udp", DEADLINE, 0.5)
    client.close()
    wait_for("readiness", lambda: machine.run("mmsd", "status", check=False).startswith("ready"),
             DEADLINE, 0.5)


def test_every_process_is_confined(machine, cluster, capfd):
    wait_for("all processes", lambda: all_running(cluster), DEADLINE, 0.5)
    profiles = pathlib.Path("/sys/kernel/security/apparmor/profiles").read_text()
    assert "mmsd (enforce)\n" in profiles
    pids = machine.pids()
    assert len(pids) >= len(_PROCESSES) + 2  # and the supervisor and HAProxy
    found = {f"{name}: {pathlib.Path(f'/proc/{pid}/attr/apparmor/current').read_text().strip()}"
             for pid, name in pids.items()}
    show(capfd, f"kernel {os.uname().release}; {', '.join(sorted(found))}")
    assert all(each.endswith(": mmsd (enforce)") for each in found)


def test_nothing_is_refused_while_everything_is_used(machine, cluster, capfd):
    """Each output, each process replaced, reload, upgrade in place, stop and start, own sections."""
    everything_works(machine, cluster)
    for process in sorted(_PROCESSES):
        before = machine.pid_of(process)
        os.kill(before, signal.SIGTERM)
        wait_for(f"{process} again", lambda: machine.pid_of(process) not in (0, before) and
                 all_running(cluster), DEADLINE, 0.5)
    config = pathlib.Path("/etc/mmsd/mmsd.conf")
    config.write_text(SETTINGS + "api-port = 8085\n")
    machine.run("systemctl", "reload", "mmsd")
    wait_for("the new port", lambda: cluster.get(8085, "/ping"), DEADLINE, 0.5)
    config.write_text(SETTINGS)
    machine.run("systemctl", "reload", "mmsd")
    everything_works(machine, cluster)
    pathlib.Path("/etc/mmsd/haproxy-tail.cfg").write_text(
        "frontend own from http\n    bind 127.0.0.1:10090\n"
        "    http-request return status 200 content-type text/plain string matched"
        " if { path_reg -i ^/a(b|c)+$ }\n    http-request return status 404\n")
    os.kill(machine.pid_of("haproxy-manager"), signal.SIGHUP)
    wait_for("the frontend", lambda: cluster.get(10090, "/abcb") == "matched", DEADLINE, 0.5)
    main, watcher = machine.main_pid, machine.pid_of("marathon-watcher")
    machine.run("dpkg", "-i", os.environ["MMSD_PACKAGE"])
    wait_for("the upgrade", lambda: machine.pid_of("marathon-watcher") not in (0, watcher), DEADLINE, 0.5)
    everything_works(machine, cluster)
    assert machine.main_pid == main
    machine.run("systemctl", "restart", "mmsd")
    everything_works(machine, cluster)
    denials = machine.denials()
    show(capfd, f"{len(denials)} refusals by AppArmor in use")
    assert not denials, "\n".join(denials)


def test_what_the_profile_does_not_name_is_refused(machine, cluster, capfd):
    """HAProxy has no Landlock: the profile alone keeps it from a file that everybody may read."""
    everything_works(machine, cluster)
    [haproxy] = [pid for pid, name in machine.pids().items() if name == "haproxy"]
    assert os.stat("/etc/hostname").st_mode & 0o004
    with ForeignProcess(haproxy) as process:
        assert process.can_open("/etc/passwd", os.O_RDONLY)
        assert not process.can_open("/etc/hostname", os.O_RDONLY)
        assert not process.can_open("/tmp/mmsd-test", os.O_WRONLY | os.O_CREAT)
    wait_for("the record", lambda: any('name="/etc/hostname"' in line
                                       for line in machine.denials()), DEADLINE, 0.5)
    show(capfd, machine.denials()[0])
    assert cluster.is_served()


def test_a_forbidden_call_ends_one_process_and_is_recorded(machine, cluster, capfd):
    everything_works(machine, cluster)
    others = {process: machine.pid_of(process) for process in _PROCESSES - {"confd-writer"}}
    before = machine.pid_of("confd-writer")
    with contextlib.suppress(RuntimeError, OSError), ForeignProcess(before) as process:
        process._call(_SYS_SOCKET, _AF_INET, _SOCK_STREAM, 0)
    wait_for("the confd-writer again", lambda: machine.pid_of("confd-writer") not in (0, before) and
             all_running(cluster), DEADLINE, 0.5)
    records = [line for line in machine.kernel_log() if "type=1326" in line
               and f"pid={before} " in line and f"syscall={_SYS_SOCKET}" in line]
    assert records, [line for line in machine.kernel_log() if "type=1326" in line]
    show(capfd, records[0])
    assert {process: machine.pid_of(process) for process in others} == others


def test_a_process_that_eats_all_memory_is_the_one_that_ends(machine, cluster, capfd):
    everything_works(machine, cluster)
    main = machine.main_pid
    machine.run("systemctl", "set-property", "--runtime", "mmsd.service", "MemoryMax=200M",
                "MemorySwapMax=0")
    assert (machine.cgroup / "memory.max").read_text().strip() == str(200 << 20)
    used = int((machine.cgroup / "memory.current").read_text())
    # As one of mmsd's own would be: in its control group.
    hog = subprocess.run(
        ["sh", "-c", f"echo $$ >{machine.cgroup}/cgroup.procs; exec tail /dev/zero"],
        stderr=subprocess.DEVNULL, check=False)
    assert hog.returncode == -signal.SIGKILL
    events = dict(line.split() for line in
                  (machine.cgroup / "memory.events").read_text().splitlines())
    show(capfd, f"service used {used >> 20} MiB of memory; memory.events {events}")
    assert int(events["oom_kill"]) >= 1
    everything_works(machine, cluster)
    assert machine.main_pid == main
    assert machine.properties("ActiveState", "NRestarts") == {"ActiveState": "active",
                                                              "NRestarts": "0"}


def test_a_limit_of_tasks_is_survived(machine, cluster, capfd):
    """A worker that cannot be started is tried again, and the others serve on."""
    everything_works(machine, cluster)
    main = machine.main_pid
    tasks = int((machine.cgroup / "pids.current").read_text())
    machine.run("systemctl", "set-property", "--runtime", "mmsd.service", f"TasksMax={tasks - 1}")
    before = machine.pid_of("dns-server")
    os.kill(before, signal.SIGKILL)
    wait_for("the failure", lambda: "Resource temporarily unavailable" in machine.run(
        "journalctl", "-u", "mmsd", "--no-pager"), DEADLINE, 0.5)
    assert cluster.is_served()
    machine.run("systemctl", "set-property", "--runtime", "mmsd.service", "TasksMax=infinity")
    everything_works(machine, cluster)
    assert machine.main_pid == main
    show(capfd, f"{tasks} tasks; with one less DNS waited, and the rest served")


def test_no_multicast_leaves_the_unit(machine, cluster, capfd):
    """Whatever runs in its control group; others may."""
    everything_works(machine, cluster)
    machine.run("ip", "route", "replace", "224.0.0.0/4", "dev", "lo")
    group = machine.cgroup / "cgroup.procs"

    def send(address: str, *, is_inside: bool) -> str:
        return machine.run("bash", "-c", f"{f'echo $$ >{group};' if is_inside else ''}"
                           f"echo x 2>&1 >/dev/udp/{address}/5353", check=False)

    refused = send("224.0.0.251", is_inside=True)
    assert "Operation not permitted" in refused
    assert not send("127.0.0.1", is_inside=True)
    assert not send("224.0.0.251", is_inside=False)
    show(capfd, refused.replace("\n", " "))


@pytest.fixture
def lossy_loopback(machine):
    """Ten of a hundred packets are lost on the way, and all are late."""
    machine.run("modprobe", "sch_netem")
    machine.run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "10%", "delay", "20ms")
    yield
    machine.run("tc", "qdisc", "del", "dev", "lo", "root")


def test_changes_arrive_over_a_network_that_loses_packets(machine, cluster, lossy_loopback, capfd):
    before = {process: machine.pid_of(process) for process in _PROCESSES}
    for count in (1, 2, 1, 2):
        cluster.marathon.scale("/shop/web", count)
        wait_for(f"{count} instances", lambda: (cluster.get(8082, "/v1/instances/shop/web") or "")
                 .count("\n") == count, DEADLINE, 0.5)
    everything_works(machine, cluster)
    assert {process: machine.pid_of(process) for process in _PROCESSES} == before
    show(capfd, machine.run("tc", "-s", "qdisc", "show", "dev", "lo").replace("\n", " "))


def test_no_process_was_refused_anything_else(machine, cluster):
    """After all of the above: only what the tests provoked."""
    provoked = ('name="/etc/hostname"', 'name="/tmp/mmsd-test"')
    assert not [line for line in machine.denials() if not any(each in line for each in provoked)]
