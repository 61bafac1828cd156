# SPDX-License-Identifier: MIT
# Metrics, health, readiness, status page and `mmsd status`, with the real processes.
"""What operators and their monitoring see of a node."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess

import pytest
from mmsd_harness import Mmsd
from waiting import free_port, wait_for

_CONVERGED = r'mmsd_convergence_seconds_count\{process="confd-writer"\} ([0-9.e+]+)'


@pytest.fixture
def node(make_double, make_mmsd):
    """@return double, running mmsd"""
    double = make_double("1.8")
    double.add_app("/web", 2, ports=[{"service_port": 20_300}])
    mmsd = make_mmsd(double, "--resync-interval=1s", "--stall-timeout=5s")
    mmsd.start()
    return double, mmsd


def readyz(mmsd: Mmsd) -> tuple[int, str]:
    answer = mmsd.get("/readyz")
    return answer.status, answer.text


def wait_ready(mmsd: Mmsd) -> None:
    wait_for("readiness", lambda: readyz(mmsd) == (200, "ready\n"), 30.0)


def check_metrics(text: str) -> None:
    """Fails on anything that promtool has to say."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is in Debian's package prometheus, see packaging/deps/test.txt"
    result = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True,
                            text=True, timeout=30, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_metrics_of_all_processes(make_double, make_mmsd):
    double = make_double("1.8", hosts=["127.0.0.1"])
    double.add_app("/web", 2, ports=[{"service_port": free_port(), "protocol": "udp,tcp"}])
    double.add_app("/odd", 1, ports=[{"service_port": 0}], labels={"lb-balance": 'a"b\\c\n'})
    mmsd = make_mmsd(
        double, "--enable-tcp=true", "--enable-udp=true", "--enable-dns",
        f"--dns-port={free_port()}", f"--haproxy-port={free_port()}",
    ).start()
    wait_ready(mmsd)
    double.scale("/web", 3)

    def is_counted() -> bool:
        found = re.search(_CONVERGED, mmsd.get("/metrics").text)
        return found is not None and float(found.group(1)) >= 1

    wait_for("a convergence time", is_counted)
    answer = mmsd.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    check_metrics(answer.text)
    samples = dict(
        line.rsplit(" ", 1) for line in answer.lines if not line.startswith("#")
    )
    for process in ("marathon-watcher", "confd-writer", "api-server", "haproxy-manager",
                    "dns-server", "udp-balancer"):
        assert samples[f'mmsd_process_phase{{process="{process}",phase="running"}}'] == "1"
        assert samples[f'mmsd_process_restarts_total{{process="{process}"}}'] == "0"
        assert f'mmsd_report_age_seconds{{process="{process}"}}' in samples
    assert samples["mmsd_ready"] == "1"
    assert 0 <= float(samples["mmsd_state_confirmed_age_seconds"]) < 60
    assert 0 <= float(samples["mmsd_stream_last_byte_age_seconds"]) < 60
    assert float(samples["mmsd_generation"]) >= 2
    assert float(samples['mmsd_haproxy_up{process="haproxy-manager"}']) == 1
    assert 'mmsd_refused_ports{process="haproxy-manager",rule="no_service_port"}' in samples
    # Every metric has a help text of its own.
    assert "Reported by the process." not in answer.text
    # No free text becomes a series.
    assert "source_info" not in answer.text


def test_ready_follows_what_happens(node):
    double, mmsd = node
    wait_ready(mmsd)
    answer = mmsd.get("/readyz", Accept="application/json")
    assert json.loads(answer.body)["ready"] is True
    assert json.loads(answer.body)["confirmed_limit_seconds"] == 12.5
    assert (mmsd.get("/healthz").status, mmsd.get("/healthz").text) == (200, "ok\n")

    # Marathon goes: the state gets old, and the reason is named.
    double.pause()
    wait_for("not ready", lambda: readyz(mmsd)[0] == 503, 60.0)
    status, text = readyz(mmsd)
    lines = text.splitlines()
    assert lines[0] == "not ready" and re.match(r"last confirmed [0-9]+ s ago, more than", lines[1])
    wait_for("Marathon to be named", lambda: "to Marathon" in readyz(mmsd)[1]
             or "Marathon is unreachable" in readyz(mmsd)[1], 30.0)
    reasons = json.loads(mmsd.get("/readyz", Accept="application/json").body)["reasons"]
    assert {"unconfirmed", "unreachable"} <= {reason["code"] for reason in reasons}
    assert mmsd.get("/healthz").status == 200
    assert mmsd.get("/v1/instances/web").status == 200
    double.resume()
    wait_ready(mmsd)


def test_a_state_from_disk_is_not_ready(node):
    double, mmsd = node
    wait_ready(mmsd)
    wait_for("state on disk", (mmsd.state / "watcher" / "snapshot.bin").exists)
    assert mmsd.stop() == 0
    double.pause()
    mmsd.launch()

    def is_served() -> bool:
        try:
            return mmsd.get("/v1/instances/web").status == 200
        except OSError:
            return False

    wait_for("the old state", is_served, 30.0)
    wait_for("the reason", lambda: "the state is that of an earlier run" in readyz(mmsd)[1], 30.0)
    assert readyz(mmsd)[0] == 503
    told = client(mmsd, "status", f"--url=http://127.0.0.1:{mmsd.api_port}")
    assert told.returncode == 1
    assert told.stdout.startswith("not ready") and "earlier run" in told.stdout
    double.resume()
    wait_ready(mmsd)


def test_a_worker_that_backs_off_is_named(node):
    _, mmsd = node
    wait_ready(mmsd)
    # The second crash in a row makes it wait.
    seen = set()

    def backs_off() -> bool:
        pid = mmsd.pid("confd-writer")
        if pid and pid not in seen:
            seen.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return "confd-writer is backing_off" in readyz(mmsd)[1]

    wait_for("the worker to be named", backs_off, 30.0)
    wait_ready(mmsd)
    restarts = re.search(r'process_restarts_total\{process="confd-writer"\} (\d+)',
                         mmsd.get("/metrics").text)
    assert int(restarts.group(1)) >= 2


def test_status_page(node):
    double, mmsd = node
    double.add_app("/hostile", 1, labels={"x": "<script>alert(1)</script>",
                                          "lb-vhost": "<img src=x>"})
    wait_for("the app", lambda: "/hostile" in mmsd.get("/v1/apps").lines)
    wait_ready(mmsd)
    answer = mmsd.get("/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert answer.text.count("<script") == 1 and "<img" not in answer.text
    assert "<summary>/web</summary>" in answer.text
    assert re.search(r'class="badge good">ready<', answer.text)
    filtered = mmsd.get("/?q=hostile").text
    assert "<summary>/hostile</summary>" in filtered and "<summary>/web</summary>" not in filtered


def client(mmsd: Mmsd, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Runs `mmsd` with a first word that is a command."""
    return subprocess.run(
        [str(mmsd.executables / "mmsd"), *arguments, f"--worker-dir={mmsd.executables}"],
        capture_output=True, text=True, timeout=60, check=False, **options,
    )


def test_status_on_the_command_line(node):
    _, mmsd = node
    wait_ready(mmsd)
    url = f"--url=http://127.0.0.1:{mmsd.api_port}"
    told = client(mmsd, "status", url)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("ready   ")
    assert re.search(r"^confd-writer +running ", told.stdout, re.MULTILINE)
    assert "\x1b" not in told.stdout
    assert json.loads(client(mmsd, "status", url, "--json").stdout)["ready"] is True
    # By the configuration file of this node, too.
    mmsd.config.write_text(f"api-port = {mmsd.api_port}\n")
    assert client(mmsd, "status", f"--config={mmsd.config}").returncode == 0
    assert client(mmsd, "status", f"--url=http://127.0.0.1:{free_port()}").returncode == 69
    assert client(mmsd, "status", "--nonsense").returncode == 64


def test_status_colours_only_a_terminal(node):
    _, mmsd = node
    wait_ready(mmsd)
    command = (f"{mmsd.executables}/mmsd status --worker-dir={mmsd.executables} "
               f"--url=http://127.0.0.1:{mmsd.api_port}")

    def on_terminal(**extra: str) -> str:
        result = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True,
                                text=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
                                env={**os.environ, "TERM": "xterm", **extra})
        return result.stdout

    assert "\x1b[32mready\x1b[0m" in on_terminal(NO_COLOR="")
    assert "\x1b" not in on_terminal(NO_COLOR="1")


def test_the_client_is_nobody_before_it_speaks(node, tmp_path):
    """Started by root, it has no right left when the first octet goes out."""
    _, mmsd = node
    strace = shutil.which("strace")
    assert strace, "strace is in packaging/deps/test.txt"
    log = tmp_path / "trace"
    subprocess.run(
        [strace, "-f", "-o", str(log), "-e", "trace=execve,setresuid,setgroups,socket,connect",
         str(mmsd.executables / "mmsd"), "status", f"--worker-dir={mmsd.executables}",
         f"--url=http://127.0.0.1:{mmsd.api_port}"],
        capture_output=True, timeout=60, check=False,
    )
    calls = [line.split(" ", 1)[1].strip() for line in log.read_text().splitlines()]
    user = pwd.getpwnam("mmsd-api").pw_uid
    dropped = next(i for i, call in enumerate(calls) if call.startswith(f"setresuid({user}, "))
    reached = next(i for i, call in enumerate(calls)
                   if call.startswith("connect(") and str(mmsd.api_port) in call)
    assert dropped < reached
    assert any(call.startswith("setgroups(0, ") for call in calls[:dropped])
    assert not any("AF_INET" in call for call in calls[:dropped])
    # A user without any right can do the same.
    if pathlib.Path("/usr/bin/setpriv").exists():
        told = client(mmsd, "status", f"--url=http://127.0.0.1:{mmsd.api_port}", user="nobody",
                      group="nogroup", extra_groups=[])
        assert told.returncode in (0, 1) and told.stdout
