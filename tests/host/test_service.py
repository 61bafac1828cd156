# SPDX-License-Identifier: MIT
# The packaged service on a booted Debian: install, status, journal, kill, reload, crash, stop.
"""Life of the service."""

from __future__ import annotations

import json
import re

import host_roots
from haproxy_traffic import Load
from nspawn_host import Host
from waiting import wait_for

_PROCESSES = {"marathon-watcher": "mmsd-watcher", "confd-writer": "mmsd-confd",
              "api-server": "mmsd-api", "haproxy-manager": "mmsd-haproxy", "dns-server": "mmsd-dns",
              "udp-balancer": "mmsd-udp"}
_NET_BIND_SERVICE = 1 << 10
_DEADLINE = 180


def proc_status(host, pid: int) -> dict[str, str]:
    text = host.run("cat", f"/proc/{pid}/status")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def all_ready(cluster) -> bool:
    status = json.loads(cluster.get(8082, "/v1/status") or "{}")
    phases = {each["name"]: each["phase"] for each in status.get("processes", [])}
    return set(phases) == set(_PROCESSES) and set(phases.values()) == {"running"}


def test_a_fresh_install_starts_with_its_defaults(bare_host, deb):
    """Without a Marathon, too: what waits for the service must not wait for that."""
    bare_host.install(deb)
    wait_for("the start", lambda: bare_host.properties("SubState")["SubState"] == "running",
             _DEADLINE, 0.1)
    shown = bare_host.properties("ActiveState", "UnitFileState", "NRestarts")
    assert shown == {"ActiveState": "active", "UnitFileState": "enabled", "NRestarts": "0"}
    for user in _PROCESSES.values():
        assert f"{user}:" in bare_host.run("getent", "passwd", user)
    assert bare_host.run("systemctl", "is-system-running").strip() == "running"


def test_every_process_has_its_user_and_no_more_rights(host, cluster):
    wait_for("all processes", lambda: all_ready(cluster), _DEADLINE, 0.1)
    for process, user in _PROCESSES.items():
        pid = host.pid_of(process)
        status = proc_status(host, pid)
        assert host.run("ps", "-o", "user:20=", "-p", pid).strip() == user
        keeps = process in ("haproxy-manager", "udp-balancer")
        assert int(status["CapEff"], 16) == (_NET_BIND_SERVICE if keeps else 0)
        assert int(status["CapBnd"], 16) & ~_NET_BIND_SERVICE == 0
        assert status["NoNewPrivs"] == "1"
        # The unit's filter and the process's own.
        assert status["Seccomp"] == "2" and int(status["Seccomp_filters"]) >= 2
    [haproxy] = host.pids("mmsd-haproxy", "haproxy")
    assert int(proc_status(host, haproxy)["CapEff"], 16) & ~_NET_BIND_SERVICE == 0
    root = proc_status(host, host.main_pid)
    # SETGID 6, SETUID 7, SETPCAP 8, NET_BIND_SERVICE 10; folders are given away before.
    assert int(root["CapEff"], 16) == int(root["CapBnd"], 16) == 0b101_1100_0000


def test_nothing_was_refused_by_the_hardening(host, cluster):
    """What the unit forbids must not be asked for: it would be a hidden loss."""
    wait_for("all processes", lambda: all_ready(cluster), _DEADLINE, 0.1)
    warned = [entry["MESSAGE"] for entry in host.journal() if int(entry["PRIORITY"]) <= 4
              and "_PID" in entry and entry.get("SYSLOG_IDENTIFIER") == "mmsd"]
    assert not warned


def test_the_journal_has_levels_and_names(host, cluster):
    wait_for("all processes", lambda: all_ready(cluster), _DEADLINE, 0.1)
    host.run("systemctl", "kill", "--kill-whom=main", "-s", "USR1", "mmsd")
    wait_for("the lines", lambda: any("msg=supervisor" in e["MESSAGE"] or "supervisor" in e["MESSAGE"]
                                      for e in host.journal()), _DEADLINE, 0.1)
    host.run("kill", "-9", host.pid_of("dns-server"))
    wait_for("the error", lambda: [e for e in host.journal() if e["PRIORITY"] == "3"], _DEADLINE,
             0.1)
    entries = [entry for entry in host.journal() if entry.get("SYSLOG_IDENTIFIER") == "mmsd"]
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {"mmsd.service"}
    assert {"3", "6"} <= {entry["PRIORITY"] for entry in entries}
    assert not [entry for entry in entries if re.match(r"<\d>", entry["MESSAGE"])]


def test_status_tells_how_it_is(host):
    text = host.properties("StatusText")["StatusText"]
    assert re.fullmatch(r"connected to \S+, generation \d+, 6/6 processes running", text), text
    assert "mmsd-dns-server" in host.run("systemctl", "status", "--no-pager", "-l", "mmsd")


def test_single_workers_come_back_and_nobody_notices(host, cluster):
    wait_for("all processes", lambda: all_ready(cluster), _DEADLINE, 0.1)
    before = {process: host.pid_of(process) for process in _PROCESSES}
    main = host.main_pid
    with Load(10080, 10081, rate=100, kept=10, long_lived=5) as load:
        for process in _PROCESSES:
            host.run("kill", "-TERM", before[process])
            wait_for(f"{process} again", lambda: host.pid_of(process) != before[process] and
                     all_ready(cluster), _DEADLINE, 0.1)
    assert not load.result.failures, load.result.failures[:5]
    assert load.result.requests > 0 and load.result.echoes > 0
    assert host.main_pid == main
    wait_for("everything as before", cluster.is_served, _DEADLINE, 0.1)


def test_reload_takes_what_is_right_and_refuses_what_is_wrong(host, cluster):
    main = host.main_pid
    host.write("/etc/mmsd/mmsd.conf", "marathon-ip = 127.0.0.1\nenable-dns = true\n"
                                      "enable-gateway = true\napi-port = 8085\n")
    host.run("systemctl", "reload", "mmsd")
    wait_for("the new port", lambda: cluster.get(8085, "/ping"), _DEADLINE, 0.1)
    host.write("/etc/mmsd/mmsd.conf", "api-port = many\n")
    assert host.status("systemctl reload mmsd") != 0
    assert "api-port" in " ".join(str(e["MESSAGE"]) for e in host.journal())
    assert cluster.get(8085, "/ping")
    assert host.properties("ActiveState")["ActiveState"] == "active"
    assert host.main_pid == main


def test_haproxy_may_compile_regular_expressions(host, cluster):
    """A tail of the operator's own works under the unit's hardening, as a file and with a regex."""
    host.write("/etc/mmsd/haproxy-tail.cfg",
               "frontend own from http\n    bind 127.0.0.1:10090\n"
               "    http-request return status 200 content-type text/plain string matched"
               " if { path_reg -i ^/a(b|c)+$ }\n"
               "    http-request return status 404\n")
    host.run("kill", "-HUP", host.pid_of("haproxy-manager"))
    wait_for("the frontend", lambda: cluster.get(10090, "/abcb") == "matched", _DEADLINE, 0.1)
    assert cluster.get(10090, "/xyz") is None


def test_a_hanging_supervisor_is_replaced(host, cluster):
    """The watchdog; HAProxy does not notice."""
    main = host.main_pid
    host.run("mkdir", "-p", "/run/systemd/system/mmsd.service.d")
    host.write("/run/systemd/system/mmsd.service.d/watchdog.conf", "[Service]\nWatchdogSec=3s\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", "mmsd")
    wait_for("the service", cluster.is_served, _DEADLINE, 0.1)
    main = host.main_pid
    with Load(10080, 10081, rate=100, kept=10, long_lived=5) as load:
        host.run("kill", "-STOP", main)
        wait_for("another main process", lambda: host.main_pid not in (0, main), _DEADLINE, 0.1)
        wait_for("the service", cluster.is_served, _DEADLINE, 0.1)
    assert not load.result.failures, load.result.failures[:5]
    assert host.properties("NRestarts")["NRestarts"] == "1"
    assert "watchdog" in host.run("journalctl", "-u", "mmsd", "--no-pager").lower()


def test_haproxy_serves_on_when_the_supervisor_crashes(host, cluster):
    main = host.main_pid
    [haproxy] = host.pids("mmsd-haproxy", "haproxy")
    workers = {process: host.pid_of(process) for process in _PROCESSES}
    with Load(10080, 10081, rate=100, kept=10, long_lived=5) as load:
        host.run("kill", "-9", main)
        wait_for("another main process", lambda: host.main_pid not in (0, main), _DEADLINE, 0.1)
        wait_for("all processes", lambda: all_ready(cluster), _DEADLINE, 0.1)
    assert not load.result.failures, load.result.failures[:5]
    assert load.result.echoes > 0
    # Its manager asks a short-lived haproxy for its version first.
    wait_for("it to be taken over",
             lambda: host.pids("mmsd-haproxy", "haproxy") == {haproxy}, _DEADLINE, 0.1)
    for process, pid in workers.items():
        assert host.pid_of(process) != pid
        assert host.status(f"test -d /proc/{pid}") != 0, f"{process} outlived the supervisor"
    assert host.properties("NRestarts")["NRestarts"] == "1"


def test_an_orderly_stop_leaves_nothing_and_the_next_start_knows_all(host, cluster):
    host.run("systemctl", "stop", "mmsd")
    shown = host.properties("ActiveState", "Result", "ExecMainStatus")
    assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    left = host.run("pgrep", "-l", "-u", ",".join(_PROCESSES.values()), check=False)
    assert not left.strip()
    for port in (80, 8081, 8082, 10080):
        assert cluster.get(port) is None
    # Marathon is away now: what was known is served.
    cluster.marathon.pause()
    host.run("systemctl", "start", "mmsd")
    wait_for("the last state", cluster.is_served, _DEADLINE, 0.1)
    cluster.marathon.resume()


def test_what_cannot_start_says_why_and_is_not_tried_again(host):
    host.write("/etc/mmsd/mmsd.conf", "no-such-setting = 1\n")
    assert host.status("systemctl restart mmsd") != 0
    shown = host.properties("ActiveState", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
    assert "mmsd.conf:1" in host.run("journalctl", "-u", "mmsd", "--no-pager")


def test_a_host_that_forbids_landlock_is_told(suite, deb):
    """No start without the cage, and no attempt every second."""
    with Host(host_roots.host_root(suite, deb), has_landlock=False) as host:
        host.install(deb)
        wait_for("the end", lambda: host.properties("ActiveState")["ActiveState"] == "failed",
                 _DEADLINE, 0.1)
        assert host.properties("ExecMainStatus", "NRestarts") == {"ExecMainStatus": "77",
                                                                  "NRestarts": "0"}
        assert "landlock_create_ruleset" in host.run("journalctl", "-u", "mmsd", "--no-pager")
