# SPDX-License-Identifier: MIT
# Starting and stopping: refusals with one clear line, signals, notifications, life without root.
"""Start, stop, signals to the supervisor, sd_notify."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import signal
import socket

import pytest
from mmsd_harness import PROCESSES, Mmsd, NotifySocket, processes_of
from waiting import wait_for

DENY_CALLS = pathlib.Path(__file__).resolve().parent.parent / "support/deny_calls.py"
USAGE, OPERATING_SYSTEM, PERMISSION, CONFIGURATION = 64, 71, 77, 78


def refused(mmsd: Mmsd, code: int, *words: str) -> None:
    """The start ends with @code and one line that has all @words; nothing was started."""
    ended = mmsd.run()
    assert ended.returncode == code, ended.stderr
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    for word in words:
        assert word in lines[0]
    assert not processes_of(mmsd.executables)


# Refusals


@pytest.mark.parametrize(
    "argument,words",
    [
        ("--no-such-flag", ["--no-such-flag"]),
        ("--api-port=70000", ["--api-port", "70000"]),
        ("--api-port=http", ["--api-port", "http"]),
        ("--resync-interval=soon", ["--resync-interval", "soon"]),
        ("--enable-files=perhaps", ["--enable-files", "perhaps"]),
        ("--bind-ip=everywhere", ["--bind-ip", "everywhere"]),
        ("--log-format=xml", ["--log-format", "xml"]),
        ("--marathon-url=gopher://x", ["--marathon-url", "gopher"]),
        ("stray", ["stray"]),
    ],
)
def test_bad_flags(make_mmsd, argument, words):
    mmsd = make_mmsd(None, argument)
    refused(mmsd, USAGE, *words)
    assert not mmsd.state.exists()


def test_missing_user(make_mmsd):
    refused(make_mmsd(None, "--run-as=mmsd-no-such-user"), CONFIGURATION, "mmsd-no-such-user")


def test_root_as_worker_user(make_mmsd):
    assert make_mmsd(None, "--run-as=root").run().returncode in (USAGE, PERMISSION, CONFIGURATION)


def test_port_in_use(make_mmsd):
    mmsd = make_mmsd()
    with socket.create_server(("127.0.0.1", mmsd.api_port)):
        refused(mmsd, OPERATING_SYSTEM, str(mmsd.api_port), "in use")


def test_unreadable_configuration(make_mmsd):
    mmsd = make_mmsd()
    mmsd.config.unlink()
    refused(mmsd, CONFIGURATION, str(mmsd.config))
    mmsd.config.mkdir()
    refused(mmsd, CONFIGURATION, str(mmsd.config))


def test_bad_configuration_names_file_and_line(make_mmsd):
    mmsd = make_mmsd()
    mmsd.config.write_text("# comment\napi-port = 1\nresync-interval = never\n")
    refused(mmsd, CONFIGURATION, f"{mmsd.config}:3", "resync-interval", "never")


def test_missing_worker_executable(make_mmsd, tmp_path):
    mmsd = make_mmsd(None, f"--worker-dir={tmp_path}")
    ended = mmsd.run()
    assert ended.returncode in (OPERATING_SYSTEM, PERMISSION, CONFIGURATION)
    assert str(tmp_path) in ended.stderr
    assert not processes_of(mmsd.executables)


def test_landlock_forbidden_from_outside(make_double, make_mmsd):
    """As container runtimes do that do not know the calls: no start without the cage, and no loop."""
    mmsd = make_mmsd(make_double("1.5"))
    mmsd.wrapper = ["/usr/bin/python3", str(DENY_CALLS), "landlock_create_ruleset"]
    ended = mmsd.run()
    assert ended.returncode == PERMISSION, ended.stderr
    assert "landlock_create_ruleset" in ended.stderr
    assert not processes_of(mmsd.executables)


def test_second_start_in_the_same_folder(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    first = make_mmsd(double).start()
    before = first.pids()
    second = make_mmsd(double, f"--run-state-dir={first.state}")
    ended = second.run()
    assert ended.returncode != 0 and ended.stderr
    assert first.pids() == before and first.get("/ping").status == 200


# Information


def test_version_help_check_config(make_mmsd):
    mmsd = make_mmsd(None, "--version")
    ended = mmsd.run()
    assert ended.returncode == 0 and "mmsd" in ended.stdout and "MIT" in ended.stdout
    ended = make_mmsd(None, "--help").run()
    assert ended.returncode == 0
    for flag in ("--marathon-ip", "--enable-files", "--run-as", "--haproxy-reload-interval"):
        assert flag in ended.stdout
    mmsd = make_mmsd(None, "--check-config")
    mmsd.config.write_text("resync-interval = 1m30s\nfilter-groups = a,b\n")
    ended = mmsd.run()
    assert ended.returncode == 0
    assert "resync-interval = 1m30s" in ended.stdout and "filter-groups = a,b" in ended.stdout
    assert f"api-port = {mmsd.api_port}" in ended.stdout
    assert not mmsd.state.exists()
    mmsd.config.write_text("resync-interval = x\n")
    ended = mmsd.run()
    assert ended.returncode == USAGE and "resync-interval" in ended.stderr


def test_empty_cluster_is_a_state(make_double, make_mmsd):
    mmsd = make_mmsd(make_double("1.5")).start()
    assert mmsd.get("/v1/apps").text == ""
    wait_for("ready", lambda: "ready generation=" in mmsd.log)


# Stop and signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_orderly_stop(make_double, make_mmsd, expect_state, number):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    expect_state(mmsd, double)
    mmsd.process.send_signal(number)
    assert mmsd.process.wait(timeout=10) == 0
    assert not processes_of(mmsd.executables)
    assert all(mmsd.pid(name) == 0 for name in PROCESSES)
    # The files outlive mmsd: their readers must not lose the services with it.
    assert "web.instances" in mmsd.files()
    mmsd.start()
    expect_state(mmsd, double)


def test_user_signal_prints_one_line_per_process(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double).start()
    before = len(mmsd.log.splitlines())
    mmsd.signal("mmsd", signal.SIGUSR1)

    def lines() -> bool:
        fresh = mmsd.log.splitlines()[before:]
        return all(any(name in line for line in fresh) for name in PROCESSES)

    wait_for("a line per process", lines)


def test_reload_of_the_configuration(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double)
    mmsd.config.write_text("enable-files = true\n")
    mmsd.start()
    expect_state(mmsd, double)
    before = mmsd.pids()

    fetches = double.counters["apps"]
    mmsd.signal("mmsd", signal.SIGHUP)
    wait_for("the watcher to resync", lambda: double.counters["apps"] > fetches)
    assert mmsd.pids() == before

    mmsd.config.write_text("enable-files = true\nresync-interval = rubbish\n")
    mmsd.signal("mmsd", signal.SIGHUP)
    wait_for("the report", lambda: "rubbish" in mmsd.log)
    assert mmsd.pids() == before

    mmsd.config.write_text("enable-files = true\nstall-timeout = 45s\n")
    mmsd.signal("mmsd", signal.SIGHUP)
    old = before["marathon-watcher"]
    new = wait_for(
        "a new watcher",
        lambda: mmsd.pid("marathon-watcher") not in (0, old) and mmsd.pid("marathon-watcher"),
    )
    double.scale("/web", 3)
    expect_state(mmsd, double)
    assert mmsd.pids() == {**before, "marathon-watcher": new}


def test_verbose_and_json_log(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double, "--log-format=json", "-v").start()
    assert mmsd.stop() == 0
    lines = [json.loads(line) for line in mmsd.log.splitlines()]
    assert lines and all(isinstance(line, dict) for line in lines)


# The service manager


def test_notifications(make_double, make_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double)
    notify = NotifySocket(mmsd.folder / "notify")
    mmsd.environment = {"NOTIFY_SOCKET": str(notify.path), "WATCHDOG_USEC": "400000"}
    mmsd.start()
    wait_for("READY=1", lambda: "READY=1" in notify.poll())
    expect_state(mmsd, double)
    wait_for("STATUS", lambda: any(m.startswith("STATUS=") for m in notify.poll()))
    wait_for("WATCHDOG=1", lambda: notify.poll().count("WATCHDOG=1") > 2)
    mmsd.signal("mmsd", signal.SIGHUP)
    wait_for("RELOADING=1", lambda: "RELOADING=1" in notify.poll())
    wait_for("READY=1 again", lambda: notify.poll().count("READY=1") == 2)
    assert mmsd.stop() == 0
    assert "STOPPING=1" in notify.poll()
    notify.close()


def test_ready_waits_for_the_first_state(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_fault("apps", "hang")
    mmsd = make_mmsd(double)
    notify = NotifySocket(mmsd.folder / "notify")
    mmsd.environment = {"NOTIFY_SOCKET": str(notify.path)}
    mmsd.launch()
    wait_for("the first fetch", lambda: double.counters["apps"])
    assert "READY=1" not in notify.poll()
    double.clear_faults()
    double.close_streams()
    mmsd.signal("marathon-watcher", signal.SIGKILL)
    wait_for("READY=1", lambda: "READY=1" in notify.poll())
    notify.close()


# Without root


def test_without_root(make_double, staged_executables, close_mmsd, expect_state):
    double = make_double("1.5")
    double.add_app("/web", instances=2)
    user = "nobody" if os.geteuid() == 0 else None
    mmsd = Mmsd(staged_executables, f"--marathon-url={double.url}", user=user)
    close_mmsd(mmsd)
    mmsd.start()
    expect_state(mmsd, double)
    uid = pwd.getpwnam(user).pw_uid if user else os.getuid()
    for pid in mmsd.pids().values():
        assert os.stat(f"/proc/{pid}").st_uid in (0, uid)
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status.read()
    said = [line for line in mmsd.log.splitlines() if "root" in line.lower()]
    assert len(said) == 1
    double.scale("/web", 4)
    expect_state(mmsd, double)
    assert mmsd.stop() == 0
