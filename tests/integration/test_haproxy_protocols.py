# SPDX-License-Identifier: MIT
# What comes out of HAProxy for each protocol and label, with real peers.
"""HTTP, redis, SMTP, PROXY protocol, draining and the management page."""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading

import pytest

from haproxy_fixtures import backends, executable  # noqa: F401
from haproxy_peers import server
from haproxy_worker import HaproxyFolder, get, tcp_app
from snapshot_frames import DRAINING, App, Instance, Port
from waiting import free_port, wait_for


@pytest.fixture
def haproxy(executable):
    """A manager."""
    with HaproxyFolder(executable) as folder:
        folder.start()
        yield folder


def talk(port: int, request: bytes = b"", timeout: float = 5) -> bytes:
    """Sends, then reads until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        if request:
            connection.sendall(request)
        connection.settimeout(timeout)
        answer = b""
        with contextlib.suppress(OSError):
            while octets := connection.recv(65536):
                answer += octets
                if not request:
                    break
        return answer


def states(haproxy: HaproxyFolder, backend: str) -> dict[str, int]:
    """Server name → operational state (2 = up, 0 = down)."""
    lines = haproxy.ask(f"show servers state {backend}").splitlines()[2:]
    return {line.split()[3]: int(line.split()[5]) for line in lines if line}


@contextlib.contextmanager
def redis(*flags: str):
    """A redis-server. @return its port"""
    port = free_port()
    folder = tempfile.mkdtemp(prefix="mmsd-redis-")
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder,
         *flags],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    def is_up() -> bool:
        with contextlib.suppress(ConnectionRefusedError):
            return talk(port, b"PING\r\nQUIT\r\n").startswith((b"+PONG", b"-NOAUTH"))
        return False

    try:
        wait_for("redis", is_up)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server")
def test_redis_roles(haproxy):
    """The master's frontend leads to masters only, the slaves' to slaves; a password is fine."""
    with redis() as master, redis("--replicaof", f"127.0.0.1 {master}") as slave:
        with redis("--requirepass", "x") as secret:
            question = b"INFO replication\r\nQUIT\r\n"
            wait_for("replica", lambda: b"role:slave" in talk(slave, question))
            ports = [master, slave]
            assert haproxy.apply([
                tcp_app("/any", free_port(), [*ports, secret], proto="redis"),
                tcp_app("/master", free_port(), ports, proto="redis-master"),
                tcp_app("/slave", free_port(), ports, proto="redis-slave"),
            ])[0] == "applied"
            names = {port: f"127.0.0.1:{port}" for port in (master, slave, secret)}
            up = lambda backend: {n for n, state in states(haproxy, backend).items() if state}
            wait_for("roles", lambda: (up("b_master_0"), up("b_slave_0"))
                     == ({names[master]}, {names[slave]}), timeout=30)
            assert up("b_any_0") == set(names.values())


def test_smtp_check(haproxy):
    """An SMTP speaker is up, a silent server is down."""

    class Smtp(socketserver.StreamRequestHandler):
        """As much as the check needs."""

        def handle(self):
            """Greets, answers EHLO and QUIT."""
            self.wfile.write(b"220 test ESMTP\r\n")
            for line in self.rfile:
                if line.upper().startswith((b"EHLO", b"HELO")):
                    self.wfile.write(b"250-test\r\n250 PIPELINING\r\n")
                elif line.upper().startswith(b"QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return

    class Refusing(socketserver.StreamRequestHandler):
        """Not ready."""

        def handle(self):
            """One line."""
            self.wfile.write(b"554 no\r\n")

    with server(Smtp) as good, server(Refusing) as bad:
        port = free_port()
        assert haproxy.apply([tcp_app("/mail", port, [good, bad], proto="smtp")])[0] == "applied"
        names = {f"127.0.0.1:{good}": 2, f"127.0.0.1:{bad}": 0}
        wait_for("checked", lambda: states(haproxy, "b_mail_0") == names, timeout=40)
        assert talk(port).startswith(b"220 ")


def test_proxy_protocol_both_ways(haproxy):
    """lb-proxy-protocol towards the instance, lb-accept-proxy from the client."""

    class Echo(socketserver.BaseRequestHandler):
        """Answers with what it got first."""

        def handle(self):
            """Once."""
            self.request.sendall(self.request.recv(1000))

    with server(Echo) as port:
        v1, v2, both = free_port(), free_port(), free_port()
        haproxy.apply([
            tcp_app("/v1", v1, [port], lb_proxy_protocol="1"),
            tcp_app("/v2", v2, [port], lb_proxy_protocol="2"),
            tcp_app("/both", both, [port], lb_proxy_protocol="1", lb_accept_proxy="1"),
        ])
        assert talk(v1, b"hello").startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
        assert talk(v2, b"hello").startswith(b"\r\n\r\n\0\r\nQUIT\n")
        through = talk(both, b"PROXY TCP4 10.9.8.7 10.0.0.1 1111 2222\r\nhello")
        assert through.startswith(b"PROXY TCP4 10.9.8.7 ")


def test_management_page(haproxy, backends):
    """Statistics, monitor URI, metrics; read-only."""
    port = free_port()
    haproxy.apply([tcp_app("/a", port, backends.http, proto="http")])
    assert "Statistics Report" in get(haproxy.management_port)[1]
    assert get(haproxy.management_port, "/haproxy?monitor")[0] == 200
    assert "haproxy_process_" in get(haproxy.management_port, "/metrics")[1]
    body = f"s=127.0.0.1:{backends.http[0]}&action=maint&b=b_a_0".encode()
    talk(haproxy.management_port, b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
         % (len(body), body))
    assert get(port)[0] == 200
    assert "MAINT" not in get(haproxy.management_port, "/;csv")[1]


def test_a_killed_task_drains(haproxy, backends):
    """Its connections go on, new ones go elsewhere, then it is deleted."""
    port = free_port()
    app = tcp_app("/a", port, backends.http[:2])
    haproxy.apply([app])
    with contextlib.ExitStack() as stack:
        here = ("127.0.0.1", port)
        held = [stack.enter_context(socket.create_connection(here)) for _ in range(4)]

        def ask(connection) -> bytes:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(1000).splitlines()[-1]

        assert {ask(c) for c in held} == {str(p).encode() for p in backends.http[:2]}
        app.instances[0].serving = DRAINING
        assert haproxy.apply([app]) == ("applied", "")
        assert {ask(c) for c in held} == {str(p).encode() for p in backends.http[:2]}
        assert {get(port)[1] for _ in range(6)} == {str(backends.http[1])}
        assert len(states(haproxy, "b_a_0")) == 2
        del app.instances[0]
        assert haproxy.apply([app])[0] in ("applied", "unchanged")
        assert {ask(c) for c in held} == {str(p).encode() for p in backends.http[:2]}
    name = f"127.0.0.1:{backends.http[1]}"
    wait_for("deleted", lambda: set(states(haproxy, "b_a_0")) == {name}, timeout=30)
    assert haproxy.metric("reloads_total") == 0


def test_an_instance_comes_back_while_it_leaves(haproxy, backends):
    """Removed with connections on it, then wanted again."""
    port = free_port()
    both = [tcp_app("/a", port, backends.http[:2])]
    one = [tcp_app("/a", port, backends.http[1:2])]
    haproxy.apply(both)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.recv(1000)
        assert haproxy.apply(one) == ("applied", "")
        assert len(states(haproxy, "b_a_0")) == 2
        assert haproxy.apply(both) == ("applied", "")
        assert {get(port)[1] for _ in range(6)} == {str(p) for p in backends.http[:2]}
    assert haproxy.metric("runtime_failures_total") == 0
    assert haproxy.metric("reloads_total") == 0


@pytest.mark.parametrize("mode", ["httpclose", "http-server-close", "http-keep-alive"])
def test_connection_modes(haproxy, backends, mode):
    """httpclose closes towards the client, the others keep."""
    port = free_port()
    haproxy.apply([tcp_app("/a", port, backends.http, proto="http", http_connection_mode=mode)])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = connection.recv(1000).lower()
    assert head.startswith(b"http/1.1 200")
    assert (b"connection: close" in head) == (mode == "httpclose")


def test_ipv6_instances_and_ports(executable):
    """Numeric addresses of both families, a frontend on ::1."""

    class Six(socketserver.ThreadingTCPServer):
        """On IPv6."""

        address_family = socket.AF_INET6
        daemon_threads = True

    class Hello(socketserver.BaseRequestHandler):
        """Says so."""

        def handle(self):
            """Once."""
            self.request.sendall(b"six")

    with Six(("::1", 0), Hello) as made, HaproxyFolder(executable, "--bind-ip=::1") as haproxy:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        haproxy.start()
        port = free_port()
        app = App("/six", [Port(port, "tcp")], [Instance("::1", [made.server_address[1]])])
        assert haproxy.apply([app])[0] == "applied"
        with socket.create_connection(("::1", port), 5) as connection:
            assert connection.recv(10) == b"six"
        more = Instance("::1", [1])
        assert haproxy.apply([App("/six", app.ports, [*app.instances, more])]) == ("applied", "")
        assert haproxy.metric("runtime_failures_total") == 0
        made.shutdown()
