# SPDX-License-Identifier: MIT
# HAProxy processes that change hands: taken over, replaced, lost and found.
"""Exactly one HAProxy serves, whatever became of the manager before."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket

import pytest

from haproxy_fixtures import backends, executable, make_folder  # noqa: F401
from haproxy_worker import HaproxyFolder, get, haproxy_binary, serves, tcp_app
from waiting import free_port, free_ports, wait_for


def test_a_hung_haproxy_is_replaced(make_folder, backends):
    """A new manager finds one that does not answer: it starts another and ends that one."""
    haproxy = make_folder()
    haproxy.start()
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.apply([app])
    (hung,) = haproxy.haproxy_pids()
    haproxy.kill()
    os.kill(hung, signal.SIGSTOP)
    haproxy.start()
    assert haproxy.apply([app])[0] == "applied"
    wait_for("the hung one ended", lambda: hung not in haproxy.haproxy_pids())
    # A process that is ending has its listeners a little longer than its name.
    wait_for("served", lambda: serves(app.ports[0].service_port))


@pytest.mark.parametrize("is_new", [False, True])
def test_a_haproxy_that_hangs_while_it_serves_is_replaced(make_folder, backends, is_new):
    """Found by the next change, whether at run time or by a reload; ended, as it would swallow
    connections."""
    haproxy = make_folder()
    haproxy.start()
    app = tcp_app("/a", free_port(), backends.http[:1], proto="http")
    haproxy.apply([app])
    (hung,) = haproxy.haproxy_pids()
    os.kill(hung, signal.SIGSTOP)
    port = free_port() if is_new else app.ports[0].service_port
    haproxy.worker.offer([tcp_app("/b" if is_new else "/a", port, backends.http[1:2], proto="http")])
    try:
        wait_for("the hung one ended", lambda: hung not in haproxy.haproxy_pids(), timeout=120)
    finally:
        print(haproxy.worker.log)
    wait_for("served", lambda: get(port) == (200, str(backends.http[1])))
    assert len(haproxy.haproxy_pids()) == 1


def test_a_haproxy_without_its_socket_is_no_companion(make_folder, backends):
    """Somebody removed the socket: never two that serve."""
    haproxy = make_folder()
    haproxy.start()
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.apply([app])
    (stray,) = haproxy.haproxy_pids()
    haproxy.kill()
    for path in haproxy.folder.glob("*.sock"):
        path.unlink()
    haproxy.start()
    assert haproxy.apply([app])[0] == "applied"
    wait_for("the stray ended", lambda: stray not in haproxy.haproxy_pids())
    # A process that is ending has its listeners a little longer than its name.
    wait_for("served", lambda: serves(app.ports[0].service_port))
    assert len(haproxy.haproxy_pids()) == 1


def test_a_changed_file_or_server_is_noticed_at_take_over(make_folder, backends):
    """What runs and what is on disk differ: one reload makes it sure."""
    haproxy = make_folder()
    haproxy.start()
    app = tcp_app("/a", free_port(), backends.http[:1], proto="http")
    haproxy.apply([app])
    haproxy.kill()
    haproxy.ask(f"set server b_a_0/127.0.0.1:{backends.http[0]} addr 127.0.0.1 port 1")
    haproxy.start()
    assert haproxy.apply([app])[0] == "applied"
    assert haproxy.metric("reloads_total") == 1
    port = app.ports[0].service_port
    # The old process answers until it has heard that it is old.
    wait_for("the right one", lambda: get(port) == (200, str(backends.http[0])))


def test_a_manager_ended_during_a_start_leaves_one_process(make_folder, backends):
    """SIGKILL in the middle of reloads."""
    haproxy = make_folder()
    haproxy.start()
    first = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.apply([first])
    for i in range(5):
        second = tcp_app(f"/b{i}", free_port(), backends.http, proto="http")
        haproxy.worker.offer([first, second])
        wait_for("a second process", lambda: len(haproxy.haproxy_pids()) > 1, pause=0.001)
        haproxy.kill()
        haproxy.start()
        haproxy.apply([first, second])
        assert serves(first.ports[0].service_port)
        wait_for("one process", lambda: len(haproxy.haproxy_pids()) == 1)


def test_a_manager_stopped_during_the_first_start_leaves_it_alone(make_folder, backends):
    """The next manager awaits what its predecessor has just started."""
    haproxy = make_folder()
    slow = haproxy.run / "slow.lua"
    slow.write_text("local started = os.time()\nwhile os.time() - started < 2 do end\n")
    slow.chmod(0o644)
    tail = haproxy.run / "tail.cfg"
    tail.write_text(f"global\n    lua-load {slow}\n")
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.flags.append(f"--haproxy-cfgtail={tail}")
    for number in (signal.SIGTERM, signal.SIGKILL):
        haproxy.start()
        haproxy.worker.offer([app])
        (pid,) = wait_for("a process", haproxy.haproxy_pids)
        haproxy.worker.signal(number)
        haproxy.worker.process.wait(15)
        haproxy.worker.stop()
        assert not serves(app.ports[0].service_port), "was ready too early for this test"
        haproxy.start()
        assert haproxy.apply([app])[0] == "unchanged", haproxy.worker.log
        assert haproxy.haproxy_pids() == [pid]
        assert serves(app.ports[0].service_port)
        assert "server 127.0.0.1" in haproxy.config()
        assert haproxy.worker.stop() == 0, "an orderly stop ends HAProxy, too"
        wait_for("ended", lambda: not haproxy.haproxy_pids())
        for path in haproxy.folder.glob("gen-*"):
            shutil.rmtree(path)


def test_two_managers_of_one_user_do_not_share_a_port(make_folder, backends):
    """The kernel would spread the connections over both."""
    one, other = make_folder(), make_folder()
    port = free_port()
    one.start()
    assert one.apply([tcp_app("/a", port, backends.http[:1], proto="http")])[0] == "applied"
    other.start()
    rest = tcp_app("/rest", free_port(), backends.http[1:2], proto="http")
    claimed = tcp_app("/b", port, backends.http[1:2], proto="http")
    assert other.apply([rest, claimed])[0] == "applied"
    ((app, _, reason),) = other.report().refusals
    assert app == "/b" and "another process of this user" in reason
    assert {get(port)[1] for _ in range(20)} == {str(backends.http[0])}
    assert serves(rest.ports[0].service_port)
    one.apply([])
    wait_for("served by the other", lambda: get(port) == (200, str(backends.http[1])))
    wait_for("no refusal", lambda: not other.report().refusals)


def test_a_port_comes_back_while_its_old_connections_last(make_folder, backends):
    """An app goes and comes again; whoever was connected stays with the old process."""
    haproxy = make_folder()
    haproxy.start()
    port = free_port()
    app = tcp_app("/echo", port, backends.echo)
    haproxy.apply([app])
    with socket.create_connection(("127.0.0.1", port), 10) as kept:
        kept.sendall(b"x")
        assert kept.recv(1) == b"x"
        haproxy.apply([])
        haproxy.apply([app])

        def echoes() -> bool:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), 10) as fresh:
                    fresh.sendall(b"y")
                    return fresh.recv(1) == b"y"
            return False

        wait_for("served again", echoes)
        wait_for("no refusal", lambda: not haproxy.report().refusals)
        kept.sendall(b"z")
        assert kept.recv(1) == b"z"


def test_a_port_lost_in_a_crash_costs_only_itself(make_folder, backends):
    """HAProxy dies and somebody else takes one of its ports before it is back."""
    haproxy = make_folder()
    slow = haproxy.program(
        "slow",
        f"""#!/bin/sh
[ "$1" = -db ] && sleep 0.5
exec {haproxy_binary()} "$@"
""",
    )
    haproxy.start(f"--haproxy-bin={slow}")
    apps = [tcp_app(f"/a{i}", free_port(), backends.http, proto="http") for i in range(3)]
    haproxy.apply(apps)
    lost = apps[0].ports[0].service_port
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(haproxy.haproxy_pids()[0], signal.SIGKILL)

        def steal() -> bool:
            with contextlib.suppress(OSError):
                thief.bind(("127.0.0.1", lost))
                thief.listen()
                return True
            return False

        wait_for("stolen", steal)
        wait_for("others served", lambda: all(serves(a.ports[0].service_port) for a in apps[1:]))
    wait_for("served again", lambda: serves(lost))


def test_a_take_over_after_somebody_removed_the_files(make_folder, backends):
    """What listens is ours although no file says so: not one port is refused."""
    haproxy = make_folder()
    haproxy.start()
    apps = [tcp_app(f"/a{i}", free_port(), backends.http, proto="http") for i in range(3)]
    haproxy.apply(apps)
    haproxy.kill()
    for path in haproxy.folder.glob("gen-*"):
        shutil.rmtree(path)
    haproxy.start()
    assert haproxy.apply(apps) == ("applied", "")
    assert all(serves(app.ports[0].service_port) for app in apps)
    assert haproxy.config().count("server 127.0.0.1") == 3 * len(backends.http)
    assert not haproxy.report().refusals


def test_a_crash_after_somebody_removed_the_files(make_folder, backends):
    """What cannot be started as it was is made anew."""
    haproxy = make_folder()
    haproxy.start()
    app = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.apply([app])
    for path in haproxy.folder.glob("gen-*"):
        shutil.rmtree(path)
    os.kill(haproxy.haproxy_pids()[0], signal.SIGKILL)
    wait_for("served again", lambda: serves(app.ports[0].service_port))


def test_a_foreign_folder_is_refused(executable):
    """Whoever can write to the folder decides what HAProxy does."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    with HaproxyFolder(executable) as haproxy:
        os.chown(haproxy.folder, 0, 0)
        haproxy.folder.chmod(0o755)
        haproxy.launch()
        assert haproxy.worker.process.wait(15) == 77
        assert "writable by nobody else" in haproxy.worker.log
        haproxy.worker.stop()
        haproxy.worker = None


def test_states_of_servers_survive_reloads(make_folder, backends):
    """A server that is down stays down in the next process."""
    haproxy = make_folder()
    haproxy.start()
    dead = free_port()
    app = tcp_app("/a", free_port(), [*backends.http, dead], proto="http")
    haproxy.apply([app])

    def state() -> str:
        line = next(
            line for line in haproxy.ask("show servers state b_a_0").splitlines()
            if f":{dead} " in line
        )
        return line.split()[5]

    wait_for("seen as down", lambda: state() == "0", timeout=40)
    haproxy.apply([app, tcp_app("/b", free_port(), backends.http)])
    assert haproxy.metric("reloads_total") == 1
    assert state() == "0"


def test_without_socket_hand_over(make_folder, backends):
    """--haproxy-enable-reuse-socket=false still replaces one by the other."""
    haproxy = make_folder("--haproxy-enable-reuse-socket=false")
    haproxy.start()
    first = tcp_app("/a", free_port(), backends.http, proto="http")
    haproxy.apply([first])
    second = tcp_app("/b", free_port(), backends.http, proto="http")
    assert haproxy.apply([first, second])[0] == "applied"
    assert serves(first.ports[0].service_port) and serves(second.ports[0].service_port)
    wait_for("one process", lambda: len(haproxy.haproxy_pids()) == 1)


def test_many_app_ports_have_files_of_their_own(make_folder, backends):
    """A change writes one of them; a crash after it, and the next manager finds what runs."""
    haproxy = make_folder("--enable-health-checks=false")
    haproxy.start()
    ports = free_ports(600)
    apps = [
        tcp_app(f"/a{i:03}", port, backends.http[:1], proto="http") for i, port in enumerate(ports)
    ]
    assert haproxy.apply(apps)[0] == "applied"
    (pid,) = haproxy.haproxy_pids()
    folder = haproxy.folder / "current/apps"

    def written() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in folder.glob("*.cfg")}

    before = written()
    assert len(before) == 10
    apps[100] = tcp_app("/a100", ports[100], backends.http[1:2], proto="http")
    assert haproxy.apply(apps)[0] == "applied"
    after = written()
    assert [name for name in before if before[name] != after[name]] == ["0001.cfg"]
    assert get(ports[100]) == (200, str(backends.http[1]))
    text = haproxy.config()
    server = f"127.0.0.1:{backends.http[1]}"
    assert text.count(f"    server {server} {server}\n") == 1

    haproxy.kill()
    haproxy.start()
    assert haproxy.apply(apps)[0] == "unchanged"
    assert haproxy.haproxy_pids() == [pid]
    assert written() == after and haproxy.config() == text
    # Back below the limit everything stands in one file.
    assert haproxy.apply(apps[:500])[0] == "applied"
    assert not (haproxy.folder / "current/apps").exists()
    assert haproxy.config().count("\nfrontend f_") == 500
    assert get(ports[100]) == (200, str(backends.http[1]))
