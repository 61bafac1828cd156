# SPDX-License-Identifier: MIT
# Sockets that a service manager has opened: taken by name, kept over restarts, refused when wrong.
"""sd_listen_fds: DNS and API on sockets that were there before mmsd."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import signal
import socket
import time

import pytest
from mmsd_harness import processes_of
from waiting import DEADLINE, free_port, wait_for

pytest.importorskip("dns")
import dns.message  # noqa: E402
import dns.query  # noqa: E402

_CONFIGURATION = 78
_FIRST_FREE = 200  # away from the numbers that the sockets get in mmsd


def pass_sockets(mmsd, *passed: tuple[str, int], names: str | None = None) -> None:
    """Makes each start of @mmsd get these descriptors by name, as sd_listen_fds(3) says."""
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, _FIRST_FREE) for _, fd in passed]
    places = [f"{i}<&{fd} {fd}<&-" for i, fd in enumerate(copies, 3)]
    names = ":".join(name for name, _ in passed) if names is None else names
    mmsd.passed = tuple(copies)
    mmsd.wrapper = [
        "bash", "-c", f"exec {' '.join(places)}; export LISTEN_PID=$$ LISTEN_FDS={len(passed)} "
                      f"LISTEN_FDNAMES='{names}'; exec \"$@\"", "bash"]


class Sockets:
    """What a service manager holds for mmsd: API on TCP, DNS on UDP and TCP."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        def opened(kind: int, port: int = 0) -> socket.socket:
            made = stack.enter_context(socket.socket(socket.AF_INET, kind))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as systemd does
            made.bind(("127.0.0.1", port))
            if kind == socket.SOCK_STREAM:
                made.listen(64)
            return made

        self.open = opened
        self.api = opened(socket.SOCK_STREAM)
        self.dns_port = free_port()
        self.dns_udp = opened(socket.SOCK_DGRAM, self.dns_port)
        self.dns_tcp = opened(socket.SOCK_STREAM, self.dns_port)
        self.api_port = self.api.getsockname()[1]

    def all(self) -> list[tuple[str, int]]:
        return [("dns", self.dns_udp.fileno()), ("api", self.api.fileno()),
                ("dns", self.dns_tcp.fileno())]


@pytest.fixture
def sockets():
    with contextlib.ExitStack() as stack:
        yield Sockets(stack)


@pytest.fixture
def make_activated(make_double, make_mmsd, sockets):
    """Prepares an mmsd whose settings fit the sockets."""

    def make(*arguments: str):
        double = make_double("1.5")
        double.add_app("/web", instances=2)
        mmsd = make_mmsd(double, "--enable-dns", f"--dns-port={sockets.dns_port}", *arguments)
        mmsd.api_port = sockets.api_port
        return mmsd

    return make


def inodes_of(pid: int) -> set[str]:
    found = set()
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(path))
    return found


def inode(sock: socket.socket) -> str:
    return f"socket:[{os.fstat(sock.fileno()).st_ino}]"


def answers(port: int, *, tcp: bool = False) -> int:
    """How many addresses a DNS query gets."""
    ask = dns.query.tcp if tcp else dns.query.udp
    found = ask(dns.message.make_query("web.mmsd.", "A"), "127.0.0.1", port=port, timeout=DEADLINE)
    return sum(len(rows) for rows in found.answer)


def test_sockets_are_taken_and_outlive_everything(make_activated, sockets):
    mmsd = make_activated("--dns-processes=2")
    pass_sockets(mmsd, *sockets.all())
    # Clients that come before mmsd wait for it.
    early = socket.create_connection(("127.0.0.1", sockets.api_port), timeout=DEADLINE)
    early.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    mmsd.start()
    assert early.recv(4096).startswith(b"HTTP/1.1 200")
    early.close()
    theirs = {inode(each) for each in (sockets.api, sockets.dns_udp, sockets.dns_tcp)}
    assert theirs <= inodes_of(mmsd.process.pid)
    assert {inode(sockets.dns_udp), inode(sockets.dns_tcp)} <= inodes_of(mmsd.pid("dns-server"))
    assert sockets.dns_udp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0

    def serves() -> bool:
        wait_for("the API", lambda: len(mmsd.get("/v1/instances/web").lines) == 2)
        return answers(sockets.dns_port) == 2 and answers(sockets.dns_port, tcp=True) == 2

    assert serves()
    for name in ("dns-server", "api-server"):
        before = mmsd.pid(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            mmsd.signal(name, number)
            wait_for(f"{name} again", lambda: mmsd.pid(name) not in (0, before))
            before = mmsd.pid(name)
            assert serves()

    for times in (1, 2):
        mmsd.signal("mmsd", signal.SIGUSR2)
        wait_for("the upgrade", lambda: mmsd.log.count("running in place of another version")
                 == times)
        assert serves()
        assert theirs <= inodes_of(mmsd.process.pid)
    # What comes while mmsd is stopped is served by the next start.
    assert mmsd.stop() == 0
    waiting = socket.create_connection(("127.0.0.1", sockets.api_port), timeout=DEADLINE)
    waiting.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    mmsd.start()
    assert waiting.recv(4096).startswith(b"HTTP/1.1 200")
    waiting.close()
    assert serves()


def test_what_is_not_passed_is_opened(make_activated, sockets):
    mmsd = make_activated()
    pass_sockets(mmsd, ("api", sockets.api.fileno()))
    sockets.dns_udp.close()
    sockets.dns_tcp.close()
    mmsd.start()
    assert inode(sockets.api) in inodes_of(mmsd.process.pid)
    wait_for("DNS", lambda: answers(sockets.dns_port) == 2)


def test_a_reload_lets_go_of_what_is_not_wanted(make_activated, sockets):
    mmsd = make_activated()
    mmsd.extra_arguments.remove("--enable-dns")
    mmsd.config.write_text("enable-dns = true\n")
    pass_sockets(mmsd, *sockets.all())
    mmsd.start()
    mmsd.config.write_text("enable-dns = false\n")
    mmsd.signal("mmsd", signal.SIGHUP)
    wait_for("DNS off", lambda: inode(sockets.dns_udp) not in inodes_of(mmsd.process.pid))
    assert inode(sockets.api) in inodes_of(mmsd.process.pid)
    assert mmsd.get("/v1/apps").status == 200


def test_of_another_process(make_activated, sockets):
    """Variables that a parent forgot are not ours."""
    mmsd = make_activated()
    mmsd.environment = {"LISTEN_PID": "1", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "dns:api:dns"}
    for each in (sockets.api, sockets.dns_udp, sockets.dns_tcp):
        each.close()
    mmsd.start()
    wait_for("DNS", lambda: answers(sockets.dns_port) == 2)


def refused(mmsd, *words: str) -> None:
    """One line with all words, nothing started, and an end that a service manager does not repeat."""
    ended = mmsd.run()
    assert ended.returncode == _CONFIGURATION, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    for word in ("service manager", *words):
        assert word in ended.stderr
    assert not processes_of(mmsd.executables)


def test_dns_is_not_enabled(make_activated, sockets):
    mmsd = make_activated("--enable-dns=false")
    pass_sockets(mmsd, *sockets.all())
    refused(mmsd, '"dns"', "want: none")


def test_unknown_name(make_activated, sockets):
    mmsd = make_activated()
    pass_sockets(mmsd, ("mmsd.socket", sockets.api.fileno()))
    refused(mmsd, '"mmsd.socket"', "want: none")


@pytest.mark.parametrize("names", ["", "api"])
def test_missing_names(make_activated, sockets, names):
    mmsd = make_activated()
    pass_sockets(mmsd, *sockets.all()[1:], names=names)
    refused(mmsd, '""')


def test_wrong_type(make_activated, sockets):
    mmsd = make_activated()
    datagram = sockets.open(socket.SOCK_DGRAM, sockets.api_port)
    pass_sockets(mmsd, ("api", datagram.fileno()))
    refused(mmsd, '"api"', f"api-tcp=127.0.0.1:{sockets.api_port}")


def test_wrong_address(make_activated, sockets):
    mmsd = make_activated()
    elsewhere = sockets.open(socket.SOCK_STREAM)
    pass_sockets(mmsd, ("dns", elsewhere.fileno()))
    refused(mmsd, '"dns"', f"dns-udp=127.0.0.1:{sockets.dns_port}",
            f"dns-tcp=127.0.0.1:{sockets.dns_port}")


def test_two_for_one_place(make_activated, sockets):
    mmsd = make_activated()
    pass_sockets(mmsd, ("api", sockets.api.fileno()), ("api", sockets.api.fileno()))
    refused(mmsd, '"api"', "want: none")


def test_not_a_socket(make_activated, sockets):
    mmsd = make_activated()
    end, other = os.pipe()
    pass_sockets(mmsd, ("api", end))
    refused(mmsd, '"api"', "api-tcp")
    os.close(end)
    os.close(other)


def test_not_open(make_activated, sockets):
    mmsd = make_activated()
    mmsd.wrapper = ["bash", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=api; exec "$@"',
                    "bash"]
    sockets.api.close()
    refused(mmsd, '"api"', "api-tcp")


def test_systemds_own_tool(make_activated, sockets):
    """The first connection starts mmsd, and is answered by it."""
    sockets.api.close()
    sockets.dns_udp.close()
    sockets.dns_tcp.close()
    mmsd = make_activated()
    mmsd.wrapper = ["systemd-socket-activate", f"--listen=127.0.0.1:{sockets.api_port}",
                    "--fdname=api"]
    mmsd.launch()
    wait_for("the listener", lambda: "Listening on" in mmsd.log)
    time.sleep(0.2)
    assert not processes_of(mmsd.executables)
    assert mmsd.get("/ping").text.strip() == "pong"
    wait_for("the state", lambda: mmsd.get("/v1/instances/web").status == 200)
