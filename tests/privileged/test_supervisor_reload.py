# SPDX-License-Identifier: MIT
# SIGHUP: the configuration file is read again, and only what changed is touched.
"""Reload of the configuration, over fake processes."""

from __future__ import annotations

import signal
import socket

import pytest
from waiting import free_port, wait_for


def reload(mmsd, *lines: str) -> None:
    """Writes the file, sends SIGHUP, waits for the verdict."""
    verdicts = "configuration (read again|not changed)"
    before = len(mmsd.find_all(verdicts))
    mmsd.config.write_text("\n".join(lines) + "\n")
    mmsd.signal("mmsd", signal.SIGHUP)
    mmsd.wait_log(verdicts, before + 1)


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_nothing_changed(mmsd, notify):
    before = mmsd.start().pids()
    reload(mmsd, "# nothing")
    mmsd.wait_log("fake marathon-watcher: Reapply")
    assert mmsd.pids() == before
    wait_for("the end of the reload", lambda: notify.poll().count("READY=1") == 2)
    messages = notify.poll()
    reloading = messages.index("RELOADING=1")
    assert messages[reloading + 1].startswith("MONOTONIC_USEC=")
    assert "READY=1" in messages[reloading:]
    assert not mmsd.find_all("fake (confd-writer|api-server): Reapply")


@pytest.mark.parametrize("line", ["resync-interval = soon", "no-such-setting = 1"])
def test_error_changes_nothing(mmsd, line):
    before = mmsd.start().pids()
    reload(mmsd, "enable-files = false", line)
    verdict = mmsd.find_all("configuration not changed")
    assert len(verdict) == 1 and str(mmsd.config) + ":2" in verdict[0]
    assert mmsd.pids() == before


def test_only_what_changed_is_restarted(mmsd):
    before = mmsd.start().pids()
    reload(mmsd, "stall-timeout = 45s")
    new = mmsd.wait_new_pid("marathon-watcher", before["marathon-watcher"])
    mmsd.wait_log("fake marathon-watcher: hello .* --stall-timeout=45s")
    assert mmsd.pids() == {**before, "marathon-watcher": new}
    # An error at a later time leaves that in force.
    reload(mmsd, "stall-timeout = x")
    old = mmsd.signal("marathon-watcher", signal.SIGTERM)
    mmsd.wait_new_pid("marathon-watcher", old)
    mmsd.wait_log("fake marathon-watcher: hello .* --stall-timeout=45s", 2)


def test_log_level_needs_no_restart(mmsd):
    before = mmsd.start().pids()
    reload(mmsd, "log-level = debug")
    for process in ("marathon-watcher", "confd-writer", "api-server"):
        mmsd.wait_log(f"fake {process}: level=3")
    assert mmsd.pids() == before
    mmsd.signal("marathon-watcher", signal.SIGUSR1)
    mmsd.wait_log("debug mmsd.*: snapshot generation=2")
    old = mmsd.signal("confd-writer", signal.SIGTERM)
    mmsd.wait_new_pid("confd-writer", old)
    mmsd.wait_log("fake confd-writer: hello level=3 ")


def test_workers_come_and_go(mmsd):
    before = mmsd.start().pids()
    reload(mmsd, "enable-files = false")
    wait_for("it to end", lambda: mmsd.pid("confd-writer") == 0)
    # The api-server has the setting, too: it explains what is switched off.
    api = mmsd.wait_new_pid("api-server", before["api-server"])
    mmsd.wait_log("fake api-server: processes marathon-watcher=[^ ]* api-server=[^ ]*$")
    reload(mmsd, "enable-files = true")
    new = mmsd.wait_new_pid("confd-writer", 0)
    api = mmsd.wait_new_pid("api-server", api)
    mmsd.wait_log("fake confd-writer: snapshot 1$", 2)
    assert mmsd.pids() == {**before, "confd-writer": new, "api-server": api}


def test_worker_that_cannot_start_later_is_refused_or_backs_off(mmsd):
    mmsd.config.write_text("enable-files = false\n")
    before = mmsd.start().pids()
    program = mmsd.executables / "mmsd-confd-writer"
    kept = program.rename(mmsd.executables / "kept")
    reload(mmsd, "enable-files = true")
    mmsd.wait_log("configuration not changed.*mmsd-confd-writer")
    kept.rename(program)
    mmsd.behave("confd-writer", "exit-78")
    reload(mmsd, "enable-files = true")
    mmsd.wait_log("process ended process=confd-writer.*restart_in_ms=400")
    mmsd.behave("confd-writer")
    mmsd.wait_log("fake confd-writer: snapshot 1$")
    assert {**mmsd.pids(), "confd-writer": 0, "api-server": 0} == {**before, "api-server": 0}


def test_command_line_wins(mmsd):
    before = mmsd.start().pids()
    other = free_port()
    reload(mmsd, f"api-port = {other}")
    assert mmsd.pids() == before
    assert can_connect(mmsd.api_port) and not can_connect(other)


def without(mmsd, flag: str) -> None:
    """Leaves a flag of the harness out, so that the file may set it."""

    class Without(type(mmsd)):
        @property
        def arguments(self) -> list[str]:
            return [argument for argument in super().arguments if not argument.startswith(flag)]

    mmsd.__class__ = Without


def test_listener_moves(mmsd):
    without(mmsd, "--api-port")
    mmsd.config.write_text(f"api-port = {mmsd.api_port}\n")
    old_port, new_port = mmsd.api_port, free_port()
    before = mmsd.start().pids()
    assert can_connect(old_port)
    with socket.create_server(("127.0.0.1", new_port)):
        reload(mmsd, f"api-port = {new_port}", "resync-interval = 45s")
        mmsd.wait_log(f"configuration not changed.*127.0.0.1:{new_port}.*in use")
        assert mmsd.pids() == before and can_connect(old_port)
    reload(mmsd, f"api-port = {new_port}")
    new = mmsd.wait_new_pid("api-server", before["api-server"])
    mmsd.wait_log(f"fake api-server: hello .*4=api-tcp .*--api-port={new_port}")
    assert can_connect(new_port) and not can_connect(old_port)
    assert mmsd.pids() == {**before, "api-server": new}


def test_settings_that_need_a_restart_of_mmsd(mmsd):
    without(mmsd, "--run-state-dir")
    mmsd.config.write_text(f"run-state-dir = {mmsd.state}\n")
    before = mmsd.start().pids()
    reload(mmsd, f"run-state-dir = {mmsd.folder}/other", "resync-interval = 45s")
    mmsd.wait_log("configuration not changed.*--run-state-dir changes only when mmsd is restarted")
    assert mmsd.pids() == before
    assert not (mmsd.folder / "other").exists()
