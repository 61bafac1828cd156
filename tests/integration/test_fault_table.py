# SPDX-License-Identifier: MIT
# Every fault of a Marathon: what the outputs show meanwhile, and how long until they are right.
"""The fault table: one case per fault; the figures are written to fault_table.txt.

While a fault lasts, files and API are read without pause: they may show the state before it or the
one that Marathon has by then, and nothing else. What a case asks of Marathon is counted, too.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from certificates import Certificates
from hot_reader import HotReader
from waiting import wait_for

import expected_state

_ENDPOINTS = ("events", "apps", "app", "pods", "pod")
_FETCHES = ("apps", "app", "pods", "pod")
_WATCHED = ["/web", "/db", "/pod"]


@dataclass
class Scene:
    """A Marathon with apps and a pod, an mmsd that shows them, and whoever watches it."""

    double: object
    mmsd: object
    expect: Callable
    rows: list[str]
    others: list = field(default_factory=list)  # further doubles whose requests count
    reader: HotReader | None = None

    def allow_now(self) -> None:
        """What Marathon says at this moment is right from now on, too."""
        generation = self.double.server.generation
        for app_id in _WATCHED:
            self.reader.allow(app_id, expected_state.lines(generation, self.double.app(app_id)))

    def requests(self) -> int:
        return sum(each.counters[name] for each in (self.double, *self.others)
                   for name in _ENDPOINTS)

    def fail_fetches(self, kind: str, **parameters) -> None:
        for endpoint in _FETCHES:
            self.double.add_fault(endpoint, kind, **parameters)

    def report(self) -> str:
        """Which master, or what failed, as operators are told."""
        for process in self.mmsd.status()["processes"]:
            for metric in process.get("metrics", []):
                if metric["name"] == "source_info":
                    return f"{metric['labels']['state']} {metric['labels']['text']}"
        return ""

    def run(self, name: str, begin: Callable, end: Callable, seconds=1.5, least=2, most=60,
            within=120.0, during: Callable | None = None) -> None:
        """Puts a fault in force and takes it back.

        @seconds: how long it lasts, once @least requests have met it; @most: requests that it may
        cost; @within: seconds until all is right again; @during: checked before it ends.
        """
        pids = self.mmsd.pids()
        self.reader = HotReader(self.mmsd, _WATCHED)
        self.allow_now()
        with self.reader:
            asked = self.requests()
            began = time.monotonic()
            begin(self)
            self.double.scale("/db", 6)
            self.allow_now()
            wait_for("requests to meet the fault",
                     lambda: self.requests() >= asked + least, within)
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            if during:
                during(self)
            cost = self.requests() - asked
            lasted = time.monotonic() - began
            end(self)
            ended = time.monotonic()
            self.expect(self.mmsd, self.double, timeout=within)
            right = time.monotonic() - ended
        self.rows.append(f"{name:44}{lasted:8.1f}{cost:10}{right:12.2f}{self.reader.reads:9}")
        assert not self.reader.violations, self.reader.violations
        assert self.reader.reads > 0
        assert cost <= most, f"{cost} requests in {lasted:.1f} s"
        assert self.mmsd.pids() == pids, "no process was restarted"


@pytest.fixture(scope="module")
def rows():
    """The lines of the table; written when all cases are over."""
    lines: list[str] = []
    yield lines
    heading = f"{'fault':44}{'lasted s':>8}{'requests':>10}{'right in s':>12}{'reads':>9}"
    table = "\n".join([heading, *lines]) + "\n"
    print("\n" + table)
    folder = pathlib.Path(os.environ.get("MMSD_BUILD_DIR", "."))
    (folder / "fault_table.txt").write_text(table)


@pytest.fixture
def make_scene(make_double, make_mmsd, expect_state, rows):
    """Makes a scene whose mmsd is up and right."""

    def make(*arguments: str, **options) -> Scene:
        double = make_double("1.8", heartbeat=0.2, **options)
        double.add_app("/web", instances=20, health_checks=1)
        double.add_app("/db", instances=4)
        double.add_pod("/pod", instances=3)
        mmsd = make_mmsd(double, "--stall-timeout=1s", *arguments)
        return Scene(double, mmsd, expect_state, rows)

    return make


@pytest.fixture
def scene(make_scene):
    made = make_scene()
    made.mmsd.start()
    made.expect(made.mmsd, made.double)
    return made


def clear(scene: Scene) -> None:
    scene.double.clear_faults()


ANSWERS = [
    ("502 with HTML", "status", {"code": 502}),
    ("503 with HTML", "status", {"code": 503}),
    ("504 with HTML", "status", {"code": 504}),
    ("200 with garbage", "garbage", {}),
    ("JSON without apps", "no-apps", {}),
    ("empty body", "empty", {}),
    ("truncated body", "truncate", {}),
    ("chunked body cut off", "chunk-cut", {}),
    ("connection reset", "reset", {}),
    ("hang within the answer", "hang-within", {}),
]


@pytest.mark.parametrize("name,kind,parameters", ANSWERS, ids=[each[0] for each in ANSWERS])
def test_fetches_go_wrong(scene, name, kind, parameters):
    def begin(scene: Scene) -> None:
        scene.fail_fetches(kind, **parameters)
        scene.double.close_streams()

    scene.run(f"{name} (fetches)", begin, clear, least=3)


@pytest.mark.parametrize("code", [500, 502, 503])
def test_everything_answers_an_error_page(scene, code):
    def begin(scene: Scene) -> None:
        scene.double.add_fault("*", "status", code=code)
        scene.double.close_streams()

    scene.run(f"{code} with HTML (everything)", begin, clear)


def test_hang_before_the_answer(scene):
    """A fetch that is not answered ends after 30 s; all else goes on meanwhile."""
    def begin(scene: Scene) -> None:
        scene.double.add_fault("apps", "hang", count=1)
        scene.double.close_streams()

    scene.run("hang before the answer (all apps)", begin, clear)


def test_slow_answers(scene):
    def begin(scene: Scene) -> None:
        scene.fail_fetches("delay", seconds=0.5)
        scene.double.close_streams()

    scene.run("answers 0.5 s late", begin, clear)


def test_sudden_emptiness(scene):
    def begin(scene: Scene) -> None:
        scene.double.add_fault("apps", "empty-list", count=1)
        scene.double.close_streams()

    scene.run("an empty list, once", begin, clear)


def test_down_and_back(scene):
    def begin(scene: Scene) -> None:
        scene.double.pause()

    def during(scene: Scene) -> None:
        wait_for("the report", lambda: scene.report().startswith("unreachable"))

    def end(scene: Scene) -> None:
        scene.double.resume()

    scene.run("down and back", begin, end, least=0, seconds=3, during=during)


def test_no_leader(scene):
    def begin(scene: Scene) -> None:
        scene.double.server.has_leader = False
        scene.double.close_streams()

    def end(scene: Scene) -> None:
        scene.double.server.has_leader = True

    scene.run("no leader (502, everything)", begin, end)


def test_silent_stream(scene):
    def begin(scene: Scene) -> None:
        scene.double.silence_streams()

    scene.run("silent stream", begin, clear, least=1)


def test_stream_that_is_never_answered(scene):
    def begin(scene: Scene) -> None:
        scene.double.add_fault("events", "hang")
        scene.double.close_streams()

    scene.run("stream without an answer", begin, clear, seconds=3)


def test_stream_that_opens_and_is_silent(scene):
    def begin(scene: Scene) -> None:
        scene.double.add_fault("events", "silent")
        scene.double.close_streams()

    scene.run("stream opens, says nothing", begin, clear, seconds=3)


def test_stream_that_closes_at_once(scene):
    """4 s at a first step of 0.2 s doubling: no more than a handful of connects."""
    def begin(scene: Scene) -> None:
        scene.double.add_fault("events", "close")
        scene.double.close_streams()

    def during(scene: Scene) -> None:
        assert scene.double.counters["events"] <= 12

    scene.run("stream closes at once", begin, clear, seconds=4, most=50, during=during)


def test_stream_that_redirects_in_a_circle(scene):
    """One hop is followed; the second redirect is an error."""
    def begin(scene: Scene) -> None:
        location = f"{scene.double.url}/v2/events"
        scene.double.add_fault("events", "redirect", location=location)
        scene.double.close_streams()

    def during(scene: Scene) -> None:
        assert scene.double.counters["events"] <= 20

    scene.run("stream redirects in a circle", begin, clear, seconds=3, during=during)


@pytest.mark.parametrize("code", [401, 403])
def test_refused(scene, code):
    """Said clearly, and not hammered: in 5 s a stream's few attempts and one or two fetches."""
    def begin(scene: Scene) -> None:
        scene.double.add_fault("*", "status", code=code)
        scene.double.close_streams()

    def during(scene: Scene) -> None:
        wait_for("a clear report", lambda: f"status {code}: the credentials are missing or refused"
                 in scene.report())

    scene.run(f"{code} for everything", begin, clear, seconds=5, most=12, during=during)


@pytest.mark.parametrize("secret", ["someone:first-word", "token=first-word"])
def test_credentials_that_change(make_scene, secret):
    """New ones are taken from the file at once, although the old ones were refused for a while."""
    scene = make_scene(auth=secret)
    credentials = scene.mmsd.folder / "credentials"

    def write(text: str) -> None:
        fresh = credentials.with_suffix(".new")
        fresh.write_text(text + "\n")
        shutil.chown(fresh, "mmsd-watcher")
        fresh.chmod(0o400)
        fresh.rename(credentials)

    write(secret)
    scene.mmsd.extra_arguments.append(f"--marathon-auth-file={credentials}")
    scene.mmsd.start()
    scene.expect(scene.mmsd, scene.double)
    other = secret.replace("first", "second")

    def begin(scene: Scene) -> None:
        scene.double.server._auth = other
        scene.double.close_streams()

    kind = "token" if secret.startswith("token=") else "basic auth"
    scene.run(f"{kind} changes in Marathon, then in the file", begin, lambda _: write(other),
              seconds=4, most=12, within=10)
    assert "word" not in scene.mmsd.log


def test_down_at_the_start(scene):
    """The state of the last run is served at once."""
    before = scene.mmsd.files()
    wait_for("the state on disk", lambda: (scene.mmsd.state / "watcher/snapshot.bin").exists())
    assert scene.mmsd.stop() == 0
    shutil.rmtree(scene.mmsd.confd)
    scene.double.pause()
    scene.mmsd.start()
    wait_for("the files of the last run", lambda: scene.mmsd.files() == before)

    def end(scene: Scene) -> None:
        scene.double.resume()

    scene.run("down at the start", lambda _: None, end, least=0, seconds=2)


@pytest.mark.parametrize("generation", ["1.6", "1.8"])
def test_standby_in_front(make_scene, make_double, generation):
    """A standby proxies (before 1.7 the stream, too) or redirects; then the leader changes."""
    scene = make_scene()
    standby = make_double(generation, standby_for=scene.double.url, heartbeat=0.2)
    scene.mmsd.extra_arguments.append(f"--marathon-url={standby.url}")
    scene.mmsd.start()
    scene.expect(scene.mmsd, scene.double)

    def begin(scene: Scene) -> None:
        standby.server.has_leader = False
        scene.double.leader_change()

    def end(scene: Scene) -> None:
        standby.server.has_leader = True
        scene.double.report_health()

    scene.others.append(standby)
    how = "redirects" if standby.server.generation.redirects_events else "proxies"
    scene.run(f"leader changes behind a standby that {how}", begin, end)


def test_credentials_go_to_the_leader_but_to_no_other_host(make_scene, make_double):
    secret = "someone:secret-word"
    scene = make_scene(auth=secret)
    stranger = make_double("1.8", auth=secret)
    standby = make_double("1.8", auth=secret, standby_for=scene.double.url, heartbeat=0.2)
    credentials = scene.mmsd.folder / "credentials"
    credentials.write_text(secret)
    shutil.chown(credentials, "mmsd-watcher")
    scene.mmsd.extra_arguments += [
        f"--marathon-url={standby.url}", f"--marathon-auth-file={credentials}"
    ]
    scene.mmsd.start()
    scene.expect(scene.mmsd, scene.double)  # the leader's own word makes it trusted
    assert scene.double.open_streams == 1

    def begin(scene: Scene) -> None:
        standby.add_fault("events", "redirect", location=f"{stranger.url}/v2/events")
        scene.double.close_streams()

    def during(scene: Scene) -> None:
        wait_for("the stranger to be asked", lambda: stranger.counters["events"])
        assert not any("authorization" in request.headers for request in stranger.requests)

    scene.others.append(standby)
    scene.run("redirect to a stranger", begin, lambda _: standby.clear_faults(), during=during)


def test_several_masters(make_scene, make_double):
    """The other one takes over, and stays when the first comes back; then the first again."""
    scene = make_scene()
    standby = make_double("1.6", standby_for=scene.double.url, heartbeat=0.2)
    dead = make_double("1.8")
    dead.pause()
    scene.mmsd.extra_arguments.append(f"--marathon-url={dead.url},{standby.url},{scene.double.url}")
    scene.mmsd.start()
    scene.expect(scene.mmsd, scene.double)
    assert standby.open_streams == 0 and standby.counters["events"] == 1

    scene.run("a master goes (3, one is dead)", lambda _: standby.pause(), lambda _: None,
              least=1, seconds=3)
    scene.run("it comes back, the other restarts",
              lambda _: (standby.resume(), scene.double.pause(), scene.double.resume()),
              lambda _: None, least=1, seconds=3)


def test_tls(make_scene, tmp_path_factory):
    """Own CA and client certificate; another CA's server is refused."""
    files = Certificates(tmp_path_factory.mktemp("tls"))
    scene = make_scene(tls=(files["server.crt"], files["server.key"]), client_ca=files["ca.crt"])
    scene.mmsd.extra_arguments += [
        f"--marathon-ca-file={files['ca.crt']}", f"--marathon-cert-file={files['client.crt']}",
        f"--marathon-key-file={files['client.key']}",
    ]
    scene.mmsd.start()
    scene.expect(scene.mmsd, scene.double)
    other = make_other_identity(scene, files)

    def begin(scene: Scene) -> None:
        other(True)
        scene.double.close_streams()

    def during(scene: Scene) -> None:
        wait_for("a clear report", lambda: "certificate" in scene.report())
        assert scene.double.counters["connections"] < 60

    scene.run("TLS: the server's CA is another one", begin, lambda _: other(False), least=0,
              seconds=3, during=during)


def make_other_identity(scene: Scene, files: Certificates) -> Callable[[bool], None]:
    """@return switches the double to a certificate that nobody trusts, and back"""
    def switch(is_other: bool) -> None:
        name = "other" if is_other else "server"
        scene.double.pause()
        scene.double.server.use_certificate(files[f"{name}.crt"], files[f"{name}.key"])
        scene.double.resume()

    return switch


def test_tls_without_a_client_certificate(make_scene, tmp_path_factory):
    files = Certificates(tmp_path_factory.mktemp("tls"))
    scene = make_scene(tls=(files["server.crt"], files["server.key"]), client_ca=files["ca.crt"])
    scene.mmsd.extra_arguments.append(f"--marathon-ca-file={files['ca.crt']}")
    scene.mmsd.launch()
    wait_for("a clear report", lambda: "no event stream" in scene.mmsd.log)
    assert scene.double.counters["apps"] == 0
