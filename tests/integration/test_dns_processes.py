# SPDX-License-Identifier: MIT
# Several dns-server processes on one port: all answer, and the death of one refuses nobody.
"""--dns-processes under the real supervisor."""

from __future__ import annotations

import pathlib
import signal
import socket

import pytest
from mmsd_harness import processes_of
from waiting import free_port, wait_for

pytest.importorskip("dns")
import dns.message  # noqa: E402
from dns_load import TcpLoad, UdpLoad  # noqa: E402

NAMES = ["dns-server", "dns-server-2", "dns-server-3"]
_PROGRAM = "mmsd-dns-server"


class DnsMmsd:
    """A real mmsd with one app, its DNS port, and what it tells of its DNS processes."""

    def __init__(self, double, mmsd, port: int) -> None:
        double.add_app("/web", instances=3)
        self.double = double
        self.mmsd = mmsd
        self.port = port
        mmsd.start()

    def udp_load(self, **options) -> UdpLoad:
        return UdpLoad("127.0.0.1", self.port, "web.mmsd.", **options)

    def tcp_load(self) -> TcpLoad:
        return TcpLoad("127.0.0.1", self.port, "web.mmsd.")

    def rows(self) -> dict[str, dict]:
        """Rows of /v1/status by name."""
        return {row["name"]: row for row in self.mmsd.status()["processes"]
                if row["name"].startswith("dns-server")}

    def answered(self) -> dict[str, float]:
        """Answers over UDP and TCP by process."""
        return {name: sum(metric["value"] for metric in row.get("metrics", [])
                          if metric["name"] == "dns_responses_total")
                for name, row in self.rows().items()}

    def pids(self) -> dict[str, int]:
        return {name: self.mmsd.pid(name) for name in NAMES}

    def wait_running(self, *names: str) -> None:
        """Until exactly these run, as pid files, status and kernel have it."""

        def check() -> bool:
            rows = self.rows()
            assert sorted(rows) == sorted(names)
            assert all(row["phase"] == "running" and row["generation"] for row in rows.values())
            assert {name: row["pid"] for name, row in rows.items()} == {
                name: self.mmsd.pid(name) for name in names}
            found = processes_of(self.mmsd.executables)
            assert sorted(pid for pid, program in found.items() if program == _PROGRAM) == sorted(
                row["pid"] for row in rows.values())
            return True

        wait_for(f"running: {' '.join(names)}", check)


@pytest.fixture
def start(make_double, make_mmsd):
    """Starts an mmsd with that many DNS processes."""

    def run(processes: int | None, *arguments: str) -> DnsMmsd:
        double, port = make_double("1.5"), free_port()
        count = [f"--dns-processes={processes}"] if processes else []
        mmsd = make_mmsd(double, "--enable-dns", f"--dns-port={port}", *count, *arguments)
        return DnsMmsd(double, mmsd, port)

    return run


def test_all_answer(start):
    """Rows, pid files, names in ps; clients are divided, and each process counts its own."""
    served = start(3)
    served.wait_running(*NAMES)
    shown = [pathlib.Path(f"/proc/{served.mmsd.pid(name)}/comm").read_text() for name in NAMES]
    assert shown == ["mmsd-dns\n", "mmsd-dns-2\n", "mmsd-dns-3\n"]
    with served.udp_load() as load:
        load.wait_for_more()
    assert (load.refused, load.lost, load.wrong) == (0, 0, 0)
    wait_for("all counters", lambda: min(served.answered().values()) >= 20)
    assert sum(served.answered().values()) <= sum(load.answered) + 64
    with served.tcp_load() as tcp:
        wait_for("TCP answers", lambda: tcp.answered >= 100)
    assert (tcp.refused, tcp.cut) == (0, 0)

    def tcp_share() -> list[float]:
        return [metric["value"] for row in served.rows().values() for metric in row["metrics"]
                if metric["name"] == "dns_tcp_accepted_total"]

    wait_for("each has accepted clients", lambda: min(tcp_share()) > 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
@pytest.mark.parametrize("victim", NAMES)
def test_one_is_restarted_under_load(start, victim, number):
    """Its sockets stay open: no client is refused, and no other process notices."""
    served = start(3)
    served.wait_running(*NAMES)
    before = served.pids()
    with served.udp_load(pause=0.001) as udp, served.tcp_load() as tcp:
        udp.wait_for_more()
        served.mmsd.signal(victim, number)
        wait_for("a new process", lambda: served.mmsd.pid(victim) not in (0, before[victim]))
        served.wait_running(*NAMES)
        udp.wait_for_more()
        answered = tcp.answered
        wait_for("answers over TCP", lambda: tcp.answered > answered + 20)
    assert (udp.refused, udp.wrong, tcp.refused) == (0, 0, 0)
    # What the killed one had read is lost with it: at most what one look brings.
    assert udp.lost == 0 if number == signal.SIGTERM else udp.lost <= 64
    # As is what came after the last look of the one that ended: the one client's one query.
    assert tcp.cut <= 1
    after = served.pids()
    assert after.pop(victim) != before.pop(victim)
    assert after == before


def test_a_reload_changes_their_number(start):
    """More and fewer without touching those that stay; new ones answer their share."""
    served = start(None)
    served.double.add_app("/" + "x" * 64)  # no DNS label, as each process says

    def refusing() -> set[str]:
        return {refusal["process"] for refusal in served.mmsd.status()["refusals"]
                if refusal["process"].startswith("dns-server")}

    served.wait_running("dns-server")
    first = served.mmsd.pid("dns-server")
    with served.udp_load(pause=0.001) as load:
        for count in (3, 2, 1, 3):
            served.mmsd.config.write_text(f"dns-processes = {count}\n")
            served.mmsd.signal("mmsd", signal.SIGHUP)
            served.wait_running(*NAMES[:count])
            wait_for("refusals of those that run", lambda: refusing() == set(NAMES[:count]))
            load.wait_for_more(3)
    assert served.mmsd.pid("dns-server") == first
    assert (load.refused, load.wrong) == (0, 0)
    with served.udp_load() as load:
        load.wait_for_more()
    wait_for("all counters", lambda: min(served.answered().values()) >= 20)


def test_an_upgrade_hands_all_sockets_over(start):
    """SIGUSR2 replaces every process under load; each gets its own sockets back."""
    served = start(3)
    served.wait_running(*NAMES)
    before = served.pids()
    with served.udp_load(pause=0.001) as load, served.tcp_load() as tcp:
        load.wait_for_more()
        served.mmsd.signal("mmsd", signal.SIGUSR2)
        wait_for("new processes", lambda: all(
            pid not in (0, before[name]) for name, pid in served.pids().items()))
        served.wait_running(*NAMES)
        load.wait_for_more()
    assert (load.refused, load.lost, load.wrong, tcp.refused) == (0, 0, 0, 0)
    with served.udp_load() as load:
        load.wait_for_more()
    wait_for("all counters", lambda: min(served.answered().values()) >= 20)


def ask(port: int, timeout: float = 15.0) -> int:
    """@return records in the answer; raises ConnectionRefusedError where nobody has the port"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect(("127.0.0.1", port))
        client.send(dns.message.make_query("web.mmsd.", "A").to_wire())
        return int.from_bytes(client.recv(4096)[6:8], "big")


def is_free(port: int) -> bool:
    """True if UDP and TCP of the port are nobody's any more."""
    try:
        ask(port, 0.5)
    except TimeoutError:
        pass  # it was in the queue of a socket that has just been closed
    except ConnectionRefusedError:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) != 0
    return False


def test_a_reload_moves_and_closes_the_port(make_double, make_mmsd):
    """Old sockets are closed, in the supervisor as in all processes."""
    double, first, second = make_double("1.5"), free_port(), free_port()
    double.add_app("/web", instances=3)
    mmsd = make_mmsd(double)

    def reload(*lines: str) -> None:
        mmsd.config.write_text("\n".join(lines) + "\n")
        if mmsd.process:
            mmsd.signal("mmsd", signal.SIGHUP)

    reload("enable-dns = true", "dns-processes = 2", f"dns-port = {first}")
    mmsd.start()
    wait_for("answers", lambda: all(mmsd.pid(name) for name in NAMES[:2]) and ask(first) == 3)
    reload("enable-dns = true", "dns-processes = 2", f"dns-port = {second}")
    wait_for("the old port's end", lambda: is_free(first))
    assert all(ask(second) == 3 for _ in range(20))
    reload("dns-processes = 2", f"dns-port = {second}")
    wait_for("the end of DNS", lambda: is_free(second))
    wait_for("no processes", lambda: not any(mmsd.pid(name) for name in NAMES))
    reload("enable-dns = true", f"dns-port = {first}")
    wait_for("DNS again", lambda: not is_free(first) and ask(first) == 3)
    assert mmsd.pid(NAMES[1]) == 0


def test_a_stranger_gets_no_share(start, make_mmsd):
    """A second mmsd with the same port does not start, although the first one's sockets share."""
    served = start(2)
    served.wait_running(*NAMES[:2])
    other = make_mmsd(None, "--enable-dns", f"--dns-port={served.port}", "--dns-processes=2")
    ended = other.run()
    assert ended.returncode == 71, ended.stderr
    assert f"cannot listen on 127.0.0.1:{served.port} (dns-udp)" in ended.stderr
