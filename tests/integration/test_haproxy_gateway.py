# SPDX-License-Identifier: MIT
# The gateway: by Host on one port, by SNI on the other.
"""Who answers for which host name."""

from __future__ import annotations

import http.server
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile

import pytest

from haproxy_fixtures import backends, executable  # noqa: F401
from haproxy_peers import server
from haproxy_worker import HaproxyFolder, get, tcp_app
from waiting import free_port


@pytest.fixture
def haproxy(executable):
    """A manager with a gateway."""
    http_port, https_port = free_port(), free_port()
    with HaproxyFolder(
        executable,
        "--enable-gateway",
        "--gateway-bind=127.0.0.1",
        f"--gateway-port-http={http_port}",
        f"--gateway-port-https={https_port}",
    ) as folder:
        folder.http_port, folder.https_port = http_port, https_port
        folder.start()
        yield folder


def test_gateway_routes_by_host(haproxy, backends):
    """Exact before suffix, longest suffix first, any case, without port; default or 404."""
    ports = [free_port() for _ in range(3)]
    labels = ["A.test, b.test", "*.wild.test", "*.deep.wild.test,exact.wild.test"]
    apps = [
        tcp_app(f"/app{i}", ports[i], [backends.http[i]], proto="http", lb_vhost=labels[i])
        for i in range(3)
    ]
    assert haproxy.apply(apps)[0] == "applied"

    def who(host: str) -> str:
        return get(haproxy.http_port, "/", Host=host)[1]

    assert [who(host) for host in ("a.test", "B.TEST:8080")] == [str(backends.http[0])] * 2
    assert who("x.wild.test") == str(backends.http[1])
    assert who("x.deep.wild.test") == who("exact.wild.test") == str(backends.http[2])
    assert get(haproxy.http_port, "/", Host="unknown.test")[0] == 404
    assert get(haproxy.http_port, "/", Host="wild.test")[0] == 404
    # Names and defaults move without a reload.
    reloads = haproxy.metric("reloads_total")
    apps[0] = tcp_app("/app0", ports[0], [backends.http[0]], proto="http", lb_vhost="c.test")
    apps[1].ports[0].labels["lb-vhost-default"] = "1"
    assert haproxy.apply(apps) == ("applied", "")
    assert who("c.test") == str(backends.http[0])
    assert who("a.test") == str(backends.http[1])
    assert haproxy.metric("reloads_total") == reloads
    assert haproxy.metric("runtime_failures_total") == 0


def test_gateway_sets_forwarding_headers(haproxy):
    """A client's own are replaced."""

    class Headers(http.server.BaseHTTPRequestHandler):
        """Answers with the request's forwarding headers."""

        def do_GET(self):
            """One line for each."""
            lines = sorted(f"{name.lower()}={value}" for name, value in self.headers.items())
            body = "\n".join(line for line in lines if "forwarded" in line).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Silent."""

    with server(Headers) as port:
        haproxy.apply([tcp_app("/a", free_port(), [port], proto="http", lb_vhost="a.test")])
        forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "Host": "a.test"}
        forged["X-Forwarded-Port"] = "1"
        status, body = get(haproxy.http_port, "/", **forged)
    assert status == 200
    assert body.splitlines() == [
        "x-forwarded-for=127.0.0.1",
        f"x-forwarded-port={haproxy.http_port}",
        "x-forwarded-proto=http",
    ]


@pytest.fixture(scope="module")
def certificate():
    """A self-signed one, with its key, in one file."""
    folder = tempfile.mkdtemp(prefix="mmsd-tls-")
    path = f"{folder}/pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )
    with open(path, "a") as out, open(f"{path}.crt") as crt:
        out.write(crt.read())
    yield path
    shutil.rmtree(folder)


def test_gateway_routes_tls_by_sni(haproxy, certificate):
    """TLS untouched; unknown names get the default, or are closed."""

    def speaker(text: bytes):
        class Speaker(socketserver.BaseRequestHandler):
            """Says who it is."""

            def handle(self):
                """One line."""
                self.request.sendall(text)

        return Speaker

    def who(name: str) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with socket.create_connection(("127.0.0.1", haproxy.https_port), 5) as raw:
                with context.wrap_socket(raw, server_hostname=name) as wrapped:
                    return wrapped.recv(100)
        except OSError:
            return b"closed"

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with server(speaker(b"one"), context) as one, server(speaker(b"two"), context) as two:
        checks = {"disable_haproxy_health_check": "true"}
        apps = [
            tcp_app("/one", free_port(), [one], lb_vhost_ssl="one.test", **checks),
            tcp_app("/two", free_port(), [two], lb_vhost_ssl="*.two.test", **checks),
        ]
        assert haproxy.apply(apps)[0] == "applied"
        assert who("one.test") == b"one"
        assert who("ONE.test") == b"one"
        assert who("x.two.test") == b"two"
        assert who("unknown.test") == b"closed"
        apps[0].ports[0].labels["lb-vhost-ssl-default"] = "1"
        assert haproxy.apply(apps) == ("applied", "")
        assert who("unknown.test") == b"one"
