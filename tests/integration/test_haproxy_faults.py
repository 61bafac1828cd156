# SPDX-License-Identifier: MIT
# The haproxy-manager and what goes wrong: bad apps, bad files, bad commands.
"""One bad thing costs only itself."""

from __future__ import annotations

import pathlib
import signal
import socket

import pytest

from haproxy_fixtures import backends, executable, make_folder  # noqa: F401
from haproxy_worker import HaproxyFolder, get, haproxy_binary, serves, tcp_app
from snapshot_frames import App, Port
from waiting import free_port, free_ports, wait_for

HOSTILE = [
    "x\n    bind 127.0.0.1:1",
    'x"y',
    "x'y",
    "x#y",
    "${PATH}",
    "%[src]",
    "x" * 4000,
    " ",
    "\u00e9",
]
LABELS = ["proto", "lb-balance", "lb-vhost", "lb-accept-proxy", "http-connection-mode"]


def picky_haproxy(folder: HaproxyFolder, complaint: str) -> pathlib.Path:
    """A HAProxy whose check refuses each frontend with "bad" in its name, saying @complaint."""
    return folder.program(
        "picky",
        f"""#!/bin/sh
if [ -f "$3" ] && grep -q "^frontend f_bad" "$3"; then
    LINE=$(grep -n "^frontend f_bad" "$3" | head -1 | cut -d: -f1)
    NAME=$(grep "^frontend f_bad" "$3" | head -1 | cut -d' ' -f2)
    echo "[ALERT]    (1) : config : {complaint}"
    exit 1
fi
exec {haproxy_binary()} "$@"
""",
    )


def test_hostile_apps_among_a_thousand(make_folder, backends):
    """At most two checks per change, and none of the good ones disturbed."""
    haproxy = make_folder("--enable-gateway", f"--gateway-port-http={free_port()}",
                          f"--gateway-port-https={free_port()}", f"--api-port={free_port()}")
    haproxy.start()
    ports = iter(free_ports(1_050))
    good = [tcp_app(f"/good-{i}", next(ports), backends.http, proto="http") for i in range(1000)]
    assert haproxy.apply(good)[0] == "applied"
    for value in HOSTILE:
        labels = dict.fromkeys(LABELS, value)
        bad = App("/bad", [Port(next(ports), "tcp", labels=labels)], good[0].instances)
        assert haproxy.apply([*good, bad]) == ("applied", ""), value
    taken = [haproxy.management_port, int(haproxy.flags[-1].partition("=")[2]), 0]
    for port in taken:
        bad = App("/bad", [Port(port, "tcp")], good[0].instances)
        haproxy.apply([*good, bad])
        assert [each for each in haproxy.report().refusals if each[0] == "/bad"]
    assert haproxy.metric("validations_total") == 0  # each start was the only one
    assert haproxy.metric("reload_failures_total") == 0
    for app in good[::97]:
        assert serves(app.ports[0].service_port)
    assert len(haproxy.haproxy_pids()) <= 6


@pytest.mark.parametrize(
    "complaint, checks",
    [
        ("parsing [$3:$LINE] : nonsense", 2),
        ("Proxy '$NAME': nonsense", 2),
        ("somewhere there is nonsense", 12),
    ],
)
def test_a_refused_app_costs_only_itself(make_folder, backends, complaint, checks):
    """Found by line, by name, or by halving; then remembered."""
    haproxy = make_folder()
    haproxy.start(f"--haproxy-bin={picky_haproxy(haproxy, complaint)}")
    apps = [tcp_app(f"/good-{i}", free_port(), backends.http, proto="http") for i in range(20)]
    bad = tcp_app("/bad", free_port(), backends.http)
    assert haproxy.apply([*apps, bad])[0] == "applied"
    assert all(serves(app.ports[0].service_port) for app in apps)
    assert not serves(bad.ports[0].service_port)
    report = haproxy.report()
    assert [(app, index) for app, index, _ in report.refusals] == [("/bad", 0)]
    assert report.value("haproxy_validations_total") <= checks
    # It stays known: the next change costs no check, as a start is one.
    assert haproxy.apply([*apps[1:], bad])[0] == "applied"
    assert haproxy.metric("validations_total") == report.value("haproxy_validations_total")
    assert haproxy.metric("reload_failures_total") == 0


def test_the_last_good_form_stays(make_folder, backends):
    """An app whose new form is refused keeps being served in its old one, with new instances."""
    haproxy = make_folder()
    picky = haproxy.program(
        "picky",
        f"""#!/bin/sh
if [ -f "$3" ] && grep -q "balance random" "$3"; then
    LINE=$(grep -n 'balance random' "$3" | cut -d: -f1)
    echo "[ALERT]    (1) : config : parsing [$3:$LINE] : no"
    exit 1
fi
exec {haproxy_binary()} "$@"
""",
    )
    haproxy.start(f"--haproxy-bin={picky}")
    port = free_port()
    assert haproxy.apply([tcp_app("/a", port, backends.http[:1], proto="http")])[0] == "applied"
    changed = tcp_app("/a", port, backends.http[1:2], proto="http", lb_balance="random")
    haproxy.apply([changed])
    wait_for("new instance", lambda: get(port) == (200, str(backends.http[1])))
    ((app, index, reason),) = haproxy.report().refusals
    assert (app, index) == ("/a", 0) and "its last good form stays" in reason


@pytest.mark.parametrize(
    "text, message",
    [
        ("nonsense\n", "nonsense"),
        ("listen x\n    mode nonsense\n", "nonsense"),
        ("listen x\n    mode http\n    nonsense here\n", "unknown keyword 'nonsense'"),
        ("listen x\n    mode http\n    default_backend nowhere\n", "nowhere"),
    ],
)
def test_a_broken_tail_costs_the_tail(make_folder, backends, text, message):
    """HAProxy runs without it, and says why; a good one is used."""
    haproxy = make_folder()
    tail = haproxy.run / "tail.cfg"
    tail.write_text(text)
    haproxy.start(f"--haproxy-cfgtail={tail}")
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    result, note = haproxy.apply([app])
    assert result == "applied" and "tail.cfg" in note
    wait_for("served", lambda: serves(app.ports[0].service_port))
    report = haproxy.report()
    ((owner, _, reason),) = report.refusals
    assert owner == "" and str(tail) in reason and message in reason
    assert report.value("haproxy_own_problems") == 1
    port = free_port()
    tail.write_text(
        f"listen tail\n    mode http\n    bind 127.0.0.1:{port}\n    timeout client 1s\n"
        "    timeout server 1s\n    timeout connect 1s\n    http-request return status 200"
    )
    haproxy.worker.signal(signal.SIGHUP)
    wait_for("tail served", lambda: serves(port))
    assert not haproxy.report().refusals


def test_a_refused_tail_is_tried_again_on_sighup(make_folder, backends):
    """The file that it names is there now; its own text is the same."""
    haproxy = make_folder()
    tail, named, port = haproxy.run / "tail.cfg", haproxy.run / "page", free_port()
    tail.write_text(
        f"listen tail\n    mode http\n    bind 127.0.0.1:{port}\n"
        f"    http-request return status 200 content-type text/plain file {named}\n"
    )
    haproxy.start(f"--haproxy-cfgtail={tail}")
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    assert "tail.cfg" in haproxy.apply([app])[1]
    named.write_text("here")
    named.chmod(0o644)
    haproxy.worker.signal(signal.SIGHUP)
    wait_for("tail served", lambda: get(port) == (200, "here"))


def test_too_many_checks_are_left_out(make_folder, backends):
    """HAProxy would refuse to start without descriptors for each of them."""
    haproxy = make_folder()
    hard = 4_096
    haproxy.start(descriptors=hard)
    apps = [tcp_app(f"/a{i}", free_port(), range(10_000, 10_100), proto="http") for i in range(50)]
    served = tcp_app("/served", free_port(), backends.http, proto="http")
    result, note = haproxy.apply([*apps, served])
    assert result == "applied" and "health checks by HAProxy" in note
    assert serves(served.ports[0].service_port) and " check inter" not in haproxy.config()
    (refusal,) = haproxy.report().refusals
    assert str(hard) in refusal[2]
    assert haproxy.apply([*apps[:5], served])[0] == "applied"
    assert not haproxy.report().refusals and " check inter" in haproxy.config()


def test_a_tail_needs_no_defaults_of_its_own(make_folder, backends):
    """It starts from timeouts that nothing else uses; HAProxy has nothing to complain about."""
    haproxy = make_folder()
    port = free_port()
    tail = haproxy.run / "tail.cfg"
    tail.write_text(
        f"frontend mine\n    mode http\n    bind 127.0.0.1:{port}\n    default_backend theirs\n"
        f"backend theirs\n    mode http\n    server x 127.0.0.1:{backends.http[0]}\n"
    )
    haproxy.start(f"--haproxy-cfgtail={tail}")
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    assert haproxy.apply([app]) == ("applied", "")
    assert get(port) == (200, str(backends.http[0]))
    assert "defaults" not in haproxy.worker.log and "timeout" not in haproxy.worker.log


def hook(haproxy: HaproxyFolder) -> pathlib.Path:
    """A command that notes its argument, and fails while there is a file "refuse"."""
    return haproxy.program(
        "hook",
        f"""#!/bin/sh
echo "$1 $(grep CapAmb /proc/self/status | cut -f2)" >>{haproxy.folder}/hooks
[ ! -e {haproxy.folder}/refuse ]
""",
    )


def hook_calls(haproxy: HaproxyFolder) -> list[str]:
    """With which arguments and capabilities it was called."""
    path = haproxy.folder / "hooks"
    return path.read_text().splitlines() if path.exists() else []


_CALLS = ["before " + "0" * 16, "after " + "0" * 16]


def test_commands_run_around_each_start(make_folder, backends):
    """Without capabilities; one that fails is told, and keeps nothing down."""
    haproxy = make_folder()
    command = hook(haproxy)
    (haproxy.folder / "refuse").touch()
    haproxy.start(f"--haproxy-before-cmd={command}", f"--haproxy-after-cmd={command}")
    first = tcp_app("/a", free_port(), backends.http, proto="http")
    result, note = haproxy.apply([first])
    assert (result, note) == ("applied", "--haproxy-before-cmd failed: exit status 1")
    assert serves(first.ports[0].service_port)
    wait_for("both ran", lambda: hook_calls(haproxy) == _CALLS)
    wait_for("counted", lambda: haproxy.metric("command_failures_total") == 2)
    (haproxy.folder / "refuse").unlink()
    second = tcp_app("/b", free_port(), backends.http, proto="http")
    assert haproxy.apply([first, second]) == ("applied", "")
    assert serves(second.ports[0].service_port)
    wait_for("both ran again", lambda: hook_calls(haproxy) == _CALLS * 2)
    assert haproxy.metric("command_failures_total") == 2


def test_the_command_after_follows_a_start_that_failed(make_folder, backends):
    """What the one before it has closed, it opens again."""
    haproxy = make_folder()
    command = hook(haproxy)
    broken = haproxy.program(
        "broken",
        f"""#!/bin/sh
[ "$1" = -db ] && [ -e {haproxy.folder}/broken ] && exit 1
exec {haproxy_binary()} "$@"
""",
    )
    haproxy.start(f"--haproxy-before-cmd={command}", f"--haproxy-after-cmd={command}",
                  f"--haproxy-bin={broken}")
    first = tcp_app("/a", free_port(), backends.http, proto="http")
    assert haproxy.apply([first])[0] == "applied"
    wait_for("both ran", lambda: hook_calls(haproxy) == _CALLS)
    (haproxy.folder / "broken").touch()
    second = tcp_app("/b", free_port(), backends.http, proto="http")
    assert haproxy.apply([first, second])[0] == "rejected"
    wait_for("both ran again", lambda: hook_calls(haproxy)[:4] == _CALLS * 2)
    assert serves(first.ports[0].service_port)


def test_reloads_wait_for_their_interval_but_servers_do_not(make_folder, backends):
    """The first reload after quiet is at once, the second waits; servers change meanwhile."""
    haproxy = make_folder("--haproxy-reload-interval=3s")
    haproxy.start()
    first = tcp_app("/a", free_port(), backends.http[:1], proto="http")
    haproxy.apply([first])
    second = tcp_app("/b", free_port(), backends.http[:1], proto="http")
    haproxy.apply([first, second])
    assert serves(second.ports[0].service_port)
    third = tcp_app("/c", free_port(), backends.http[:1], proto="http")
    moved = tcp_app("/a", first.ports[0].service_port, backends.http[1:2], proto="http")
    haproxy.apply([moved, second, third])
    assert not serves(third.ports[0].service_port)
    assert get(first.ports[0].service_port) == (200, str(backends.http[1]))
    assert haproxy.config().count("server 127.0.0.1") == 2
    wait_for("served in the end", lambda: serves(third.ports[0].service_port))


def test_own_ports_that_are_taken_cost_only_themselves(make_folder, backends):
    """Management page and gateway come when their ports are free."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        haproxy = make_folder("--enable-gateway", "--gateway-bind=127.0.0.1",
                              f"--gateway-port-http={taken}", f"--gateway-port-https={free_port()}")
        haproxy.start()
        app = tcp_app("/a", free_port(), backends.http, proto="http", lb_vhost="a.test")
        assert haproxy.apply([app])[0] == "applied"
        assert serves(app.ports[0].service_port)
    wait_for("gateway", lambda: get(taken, "/", Host="a.test")[0] == 200)


def test_an_old_haproxy_reloads_instead(make_folder, backends):
    """2.4 cannot add servers at run time."""
    haproxy = make_folder()
    old = haproxy.program(
        "old",
        f"""#!/bin/sh
if [ "$1" = -vv ]; then echo "HAProxy version 2.4.0 2021/05/14 - https://haproxy.org/"; exit; fi
exec {haproxy_binary()} "$@"
""",
    )
    haproxy.start(f"--haproxy-bin={old}")
    port = free_port()
    haproxy.apply([tcp_app("/a", port, backends.http[:1], proto="http")])
    assert haproxy.apply([tcp_app("/a", port, backends.http[1:2], proto="http")]) == ("applied", "")
    # The old process answers until it has heard that it is old.
    wait_for("the other one", lambda: get(port) == (200, str(backends.http[1])))
    assert haproxy.metric("reloads_total") == 1


def test_what_haproxy_refuses_at_run_time_ends_in_a_reload(make_folder, backends):
    """Somebody took a server away behind the manager's back."""
    haproxy = make_folder()
    haproxy.start()
    port = free_port()
    haproxy.apply([tcp_app("/a", port, backends.http[:2], proto="http")])
    server = f"b_a_0/127.0.0.1:{backends.http[0]}"
    haproxy.ask(f"set server {server} state maint")
    haproxy.ask(f"del server {server}")
    assert haproxy.apply([tcp_app("/a", port, backends.http[1:2], proto="http")])[0] == "applied"
    # The old process answers until it has heard that it is old.
    wait_for("the other one", lambda: get(port) == (200, str(backends.http[1])))
    report = haproxy.report()
    assert report.value("haproxy_runtime_failures_total") == 1
    assert report.value("haproxy_reloads_total") == 1
