# SPDX-License-Identifier: MIT
# Random changes and random faults of a Marathon: at every quiet point all outputs equal its state.
"""A random walk. MMSD_WALK_SECONDS: how long (default 25); MMSD_WALK_SEED: which one (default 1)."""

from __future__ import annotations

import collections
import os
import random
import socket
import time

import dns.message
import dns.query
import dns.rcode
import pytest
from marathon_faults import KINDS
from waiting import free_port, wait_for

import expected_state

SECONDS = float(os.environ.get("MMSD_WALK_SECONDS", "25"))
SEED = int(os.environ.get("MMSD_WALK_SEED", "1"))
_MOST_APPS = 20
# Seconds that a quiet point may take: a fetch that hangs is given up after 30 s.
_PATIENCE = 60.0
# What a fault may be; an empty list is no fault but a cluster without apps.
_FAULTS = sorted(set(KINDS) - {"empty-list", "redirect", "hang"})


class Walk:
    """Changes a double at random; knows what it did last."""

    def __init__(self, double, choose: random.Random) -> None:
        self.double = double
        self.choose = choose
        self.gone: list[str] = []
        self.log: collections.deque[str] = collections.deque(maxlen=40)
        self.counts: collections.Counter[str] = collections.Counter()
        self._serial = 0
        self._is_away = False

    @property
    def apps(self) -> list:
        return list(self.double.server.operations.apps.values())

    def step(self) -> None:
        """One change of the cluster, or one fault."""
        kind = self.choose.choices(
            [self._change_apps, self._change_tasks, self._fault, self._stream, self._leader],
            [8, 12, 3, 2, 1],
        )[0]
        kind()

    def settle(self) -> None:
        """Ends all faults; verdicts that are missing come in."""
        self._do("clear_faults")
        self._do("drop_events", [])
        self._do("silence_streams", False)
        self.double.server.has_leader = True
        if self._is_away:
            self._is_away = False
            self.double.resume()
        self._do("set_step_delay", 0)
        self._do("report_health", True)

    def _do(self, name: str, *arguments, **keywords) -> None:
        self.log.append(f"{name} {arguments} {keywords}")
        self.counts[name] += 1
        getattr(self.double, name)(*arguments, **keywords)

    def _change_apps(self) -> None:
        choose = self.choose
        if not self.apps or (len(self.apps) < _MOST_APPS and choose.random() < 0.35):
            self._serial += 1
            reused = self.gone and choose.random() < 0.3
            app_id = self.gone.pop() if reused else f"/walk/app-{self._serial}"
            network = choose.choice(["host", "host", "bridge", "container"])
            ports = [
                {"name": f"p{index}", "protocol": choose.choice(["tcp", "tcp", "udp", "udp,tcp"]),
                 "host_port": choose.choice([0, None]) if network == "container" else 0,
                 "container_port": 8080 + index}
                for index in range(choose.randint(1, 3))
            ]
            self._do(
                choose.choice(["add_app", "add_app", "add_pod"]), app_id,
                instances=choose.randint(0, 5), ports=ports, network=network,
                health_checks=choose.randint(0, 1),
            )
            return
        app = choose.choice(self.apps)
        what = choose.randint(0, 9)
        if what < 2:
            self.gone.append(app.id)
            self._do("remove_app", app.id)
        elif what < 6:
            self._do("scale", app.id, choose.randint(0, 7))
        elif what < 8:
            self._do("relabel", app.id, {"proto": choose.choice(["http", "tcp", "redis"])})
        else:
            self._do("deploy", app.id)

    def _change_tasks(self) -> None:
        apps = [app for app in self.apps if app.tasks]
        if not apps:
            return
        app = self.choose.choice(apps)
        task = self.choose.randrange(len(app.tasks))
        what = self.choose.randint(0, 3)
        if what == 0:
            self._do("kill_task", app.id, task, is_replaced=self.choose.random() < 0.8)
        elif what < 3 and app.health_checks:
            self._do("set_health", app.id, task, self.choose.random() < 0.6)
        else:
            state = self.choose.choice(["TASK_KILLING", "TASK_STAGING", "TASK_RUNNING"])
            self._do("set_state", app.id, task, state)

    def _fault(self) -> None:
        endpoint = self.choose.choice(["apps", "app", "app", "pods", "pod", "events", "*"])
        self._do(
            "add_fault", endpoint, self.choose.choice(_FAULTS), count=self.choose.randint(1, 3),
            code=self.choose.choice([401, 403, 404, 500, 502, 503, 504]), rate=20000,
            seconds=self.choose.choice([0.05, 0.3]),
        )

    def _stream(self) -> None:
        what = self.choose.randint(0, 4)
        if what == 0:
            self._do("close_streams")
        elif what == 1:
            self._do("silence_streams", self.choose.random() < 0.5)
        elif what == 2:
            names = self.choose.choice([None, [], ["status_update_event"], []])
            self._do("drop_events", names)
        elif what == 3:
            self._do("emit_raw", self.choose.choice(
                ["data: {broken\r\n\r\n", "\r\n\r\n", "data: {}{}\r\n\r\n", ": comment\r\n\r\n"]))
        else:
            self._do("set_step_delay", self.choose.choice([0, 0, 0.002]))

    def _leader(self) -> None:
        what = self.choose.randint(0, 3)
        if what == 0:
            self._do("leader_change")
        elif what == 1:
            self.double.server.has_leader = not self.double.server.has_leader
        elif what == 2:
            self._do("report_health", True)
        elif self._is_away:
            self._is_away = False
            self.double.resume()
        else:
            self._is_away = True
            self.double.pause()


class Outputs:
    """What DNS and HAProxy show, beside files and API."""

    def __init__(self, mmsd, dns_port: int) -> None:
        self._mmsd = mmsd
        self._dns_port = dns_port

    def _ask(self, app_id: str, kind: str):
        labels = app_id.strip("/").split("/")[::-1]
        query = dns.message.make_query(".".join(labels) + ".mmsd.", kind)
        answer, _ = dns.query.udp_with_fallback(query, "127.0.0.1", port=self._dns_port, timeout=10)
        return answer

    def check_dns(self, generation, apps, gone: list[str]) -> None:
        for app in apps:
            shown = [expected_state.endpoints(generation, app, n) for n in range(len(app.ports))]
            if not any(expected_state.is_serving(task) for task in app.tasks):
                continue  # then the answer has all instances
            answer = self._ask(app.id, "SRV")
            # A record is one per instance and port index.
            ports = sorted(each.port for rrset in answer.answer for each in rrset)
            assert ports == sorted(port for index in shown for _, port in index), app.id
        present = {app.id for app in apps}
        for app_id in gone:
            if app_id not in present:
                assert self._ask(app_id, "A").rcode() == dns.rcode.NXDOMAIN, app_id

    def _haproxy(self, command: str) -> list[str]:
        sockets = (self._mmsd.state / "haproxy").glob("*.sock")
        newest = max(sockets, key=lambda path: int(path.stem.rpartition("-")[2]))
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(newest))
            link.sendall(command.encode() + b"\n")
            text = b""
            while part := link.recv(65536):
                text += part
        return text.decode().splitlines()

    def check_haproxy(self, generation, apps) -> None:
        """The servers that take new connections, by backend."""
        try:
            lines = self._haproxy("show servers state")
        except (OSError, ValueError) as error:
            raise AssertionError(f"HAProxy: {error}") from error
        backends: dict[str, set] = {}
        for line in lines:
            fields = line.split()
            if len(fields) > 18 and fields[1].startswith("b_") and fields[6] == "0":
                backends.setdefault(fields[1], set()).add((fields[4], int(fields[18])))
        for app in apps:
            for index, port in enumerate(app.ports):
                if app.is_pod or "tcp" not in port.protocol:
                    continue
                name = f"b_{app.id.strip('/').replace('/', '_')}_{index}"
                shown = set(expected_state.endpoints(generation, app, index))
                assert backends.pop(name, set()) == shown, name
        assert not {name: servers for name, servers in backends.items() if "walk" in name}


def test_random_walk(make_double, make_mmsd, expect_state):
    choose = random.Random(SEED)
    double = make_double(choose.choice(["1.5", "1.8", "1.10"]), heartbeat=0.3)
    double.server.operations._next_service_port = choose.randint(20_400, 21_400)
    dns_port = free_port()
    mmsd = make_mmsd(
        double, "--resync-interval=3s", "--stall-timeout=1s", "--enable-dns",
        f"--dns-port={dns_port}", "--enable-tcp", "--enable-health-checks=false",
        "--haproxy-reload-interval=1s", f"--haproxy-port={free_port()}",
        "--reconnect-delay=100ms", "--enable-udp",
    )
    walk = Walk(double, choose)
    outputs = Outputs(mmsd, dns_port)
    mmsd.start()
    pids = None
    quiet: list[float] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        busy = time.monotonic() + choose.uniform(0.2, 3.0)
        while time.monotonic() < busy:
            walk.step()
            time.sleep(choose.choice([0, 0, 0.002, 0.02, 0.1]))
        walk.settle()
        began = time.monotonic()
        try:
            check(walk, mmsd, outputs, expect_state)
        except AssertionError:
            pytest.fail(f"seed {SEED}, {len(quiet)} quiet points\n" + "\n".join(walk.log) + "\n"
                        + str(check_error(walk, mmsd, outputs, expect_state)))
        quiet.append(time.monotonic() - began)
        if pids is None:
            pids = mmsd.pids()
    assert mmsd.pids() == pids, "no process was restarted"
    print(f"\nseed {SEED}: {sum(walk.counts.values())} steps, {len(quiet)} quiet points, right after "
          f"{sorted(quiet)[len(quiet) // 2]:.2f} s (median), {max(quiet):.2f} s (most); "
          f"{double.counters['apps']} full and {double.counters['app']} single fetches")


def check(walk: Walk, mmsd, outputs: Outputs, expect_state) -> None:
    """Waits until every output equals the double's state."""
    generation = walk.double.server.generation
    expect_state(mmsd, walk.double, timeout=_PATIENCE)

    def is_right() -> bool:
        outputs.check_dns(generation, walk.apps, walk.gone)
        outputs.check_haproxy(generation, walk.apps)
        return True

    wait_for("DNS and HAProxy right", is_right, _PATIENCE, pause=0.05)


def check_error(walk: Walk, mmsd, outputs: Outputs, expect_state) -> str:
    """What is wrong now; "it is right by now" if nothing is."""
    try:
        expect_state(mmsd, walk.double, timeout=0)
        generation = walk.double.server.generation
        outputs.check_dns(generation, walk.apps, walk.gone)
        outputs.check_haproxy(generation, walk.apps)
    except AssertionError as error:
        return str(error)
    return "it is right by now"
