# SPDX-License-Identifier: MIT
# The HTTP answers of the Marathon double are those of the release that it plays.
"""The double's answers: shapes by generation, authentication, standby, faults, scale."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from double_client import get, get_json, has
from sse_client import SseClient

GENERATIONS = ("0.8", "0.11", "1.1", "1.4", "1.5", "1.8", "1.10")


# Shapes


@pytest.mark.parametrize("generation", GENERATIONS)
def test_app_shape(make_double, generation):
    double = make_double(generation)
    double.add_app("/web", network="bridge", ports=2, health_checks=1)
    app = get_json(double, "/v2/apps?embed=apps.tasks")["apps"][0]
    task = app["tasks"][0]
    since = double.server.generation.since
    assert app["id"] == "/web" and len(task["ports"]) == 2
    assert ("networks" in app) == since(1, 5)
    assert ("portMappings" in app["container"]) == since(1, 5)
    assert ("ports" in app) == (not since(1, 5))
    assert ("portDefinitions" in app) == (since(1, 0) and not since(1, 5))
    assert ("user" in app and app["user"] is None) == (not since(1, 5))
    assert ("state" in task) == since(1, 1, 2)
    assert ("slaveId" in task) == since(0, 11)
    assert ("ipAddresses" in task) == since(0, 14)
    result = task["healthCheckResults"][0]
    assert ("taskId" in result) == (not since(1, 4))
    assert result.get("instanceId", "").startswith("instance [") == since(1, 6)
    assert (".instance-" in task["id"]) == since(1, 8)


def test_tasks_only_when_embedded(make_double):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_app("/empty", instances=0)
    assert "tasks" not in get_json(double, "/v2/apps")["apps"][0]
    apps = get_json(double, "/v2/apps?embed=apps.tasks&embed=apps.counts")["apps"]
    assert {app["id"]: len(app["tasks"]) for app in apps} == {"/web": 1, "/empty": 0}
    assert get_json(double, "/v2/apps?id=emp")["apps"][0]["id"] == "/empty"


def test_app_by_id_in_both_slash_forms(make_double):
    double = make_double("1.5")
    double.add_app("/a/b")
    for path in ("/v2/apps/a/b", "/v2/apps//a/b"):
        assert get_json(double, path)["app"]["tasks"]
    assert len(get_json(double, "/v2/apps/a/b/tasks")["tasks"]) == 1
    assert [app["id"] for app in get_json(double, "/v2/apps/a/*")["*"]] == ["/a/b"]
    status, _, body = get(double, "/v2/apps/none")
    assert status == 404 and json.loads(body) == {"message": "App '/none' does not exist"}


def test_network_modes(make_double):
    old = make_double("1.4")
    old.add_app("/user", network="container", ports=[{"host_port": None}])
    old.add_app("/ip", network="ip-per-task")
    user = get_json(old, "/v2/apps/user")["app"]
    assert user["container"]["docker"]["network"] == "USER"
    assert user["tasks"][0]["ports"] == [] and user["tasks"][0]["ipAddresses"]
    assert get_json(old, "/v2/apps/ip")["app"]["ipAddress"]["discovery"]["ports"]
    new = make_double("1.5")
    new.add_app("/overlay", network="container", ports=[{"host_port": None}, {"host_port": 0}])
    overlay = get_json(new, "/v2/apps/overlay")["app"]
    assert overlay["networks"] == [{"mode": "container", "name": "dcos"}]
    assert ["hostPort" in m for m in overlay["container"]["portMappings"]] == [False, True]
    assert len(overlay["tasks"][0]["ports"]) == 1


def test_small_endpoints(make_double):
    double = make_double("1.5")
    double.add_app("/web")
    assert get(double, "/ping")[2] == b"pong"
    assert get_json(double, "/v2/leader") == {"leader": f"127.0.0.1:{double.port}"}
    assert get_json(double, "/v2/info")["version"] == "1.5.15"
    assert get_json(double, "/v2/tasks")["tasks"][0]["servicePorts"] == [10000]
    assert get_json(double, "/v2/groups")["apps"][0]["id"] == "/web"
    text = get(double, "/v2/tasks", Accept="text/plain")[2].decode()
    assert text.startswith("web\t10000\t10.0.0.1:31000")
    assert get(double, "/nothing")[0] == 404


# HTTP


def test_gzip_and_keep_alive(make_double):
    double = make_double("1.5")
    double.add_app("/web")
    connection = http.client.HTTPConnection("127.0.0.1", double.port)
    for _ in range(3):
        connection.request("GET", "/v2/apps", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(answer.read()))["apps"]
    connection.close()
    assert double.counters["connections"] == 1 and double.counters["apps"] == 3


def test_basic_and_token_authentication(make_double):
    double = make_double("1.5", auth="user:secret")
    status, headers, body = get(double, "/v2/apps")
    assert status == 401 and b"<html>" in body
    assert headers["WWW-Authenticate"].startswith("Basic realm=")
    credentials = base64.b64encode(b"user:secret").decode()
    assert get(double, "/v2/apps", Authorization=f"Basic {credentials}")[0] == 200
    token = make_double("1.5", auth="token=abc")
    assert get(token, "/v2/apps", Authorization="token=abc")[0] == 200


def test_standby_proxies_or_redirects_events(make_double):
    for generation, is_redirect in (("1.4", False), ("1.8", True)):
        leader = make_double(generation)
        leader.add_app("/web")
        standby = make_double(generation, standby_for=leader.url)
        assert get_json(standby, "/v2/apps")["apps"][0]["id"] == "/web"
        with SseClient(standby.port, "?a=b") as client:
            client.read_until(lambda c: c.is_ended or c.body or b"302" in c.head)
            if is_redirect:
                assert f"Location: {leader.url}/v2/events?a=b".encode() in client.head
            else:
                client.read_until(has("event_stream_attached"))


def test_no_leader(make_double):
    assert get(make_double("1.5", has_leader=False), "/v2/apps")[0] == 503
    assert get(make_double("1.8", has_leader=False), "/v2/apps")[0] == 502


def test_leader_change_blanks_health_and_ends_streams(make_double):
    double = make_double("1.5")
    double.add_app("/web", health_checks=1)
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        double.leader_change()
        client.read_until(lambda c: c.is_ended)
    assert "healthCheckResults" not in get_json(double, "/v2/apps/web")["app"]["tasks"][0]
    double.report_health()
    assert get_json(double, "/v2/apps/web")["app"]["tasksHealthy"] == 1


# Faults


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_fault_status_is_html_and_counts_down(make_double, code):
    double = make_double("1.5")
    double.add_fault("apps", "status", count=2, code=code)
    for _ in range(2):
        status, headers, body = get(double, "/v2/apps")
        assert status == code and b"<html>" in body
        assert headers["Content-Type"].startswith("text/html")
    assert get(double, "/v2/apps")[0] == 200


@pytest.mark.parametrize(
    "kind,body",
    [("garbage", b"<<<"), ("no-apps", b'{"message"'), ("empty", b""), ("empty-list", b'{"apps":[]}')],
)
def test_fault_wrong_bodies(make_double, kind, body):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_fault("apps", kind)
    status, _, answer = get(double, "/v2/apps")
    assert status == 200 and answer.startswith(body) and b"/web" not in answer
    double.clear_faults()
    assert b"/web" in get(double, "/v2/apps")[2]


@pytest.mark.parametrize("kind", ["truncate", "chunk-cut"])
def test_fault_cut_bodies(make_double, kind):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_fault("apps", kind)
    with pytest.raises(http.client.IncompleteRead):
        get(double, "/v2/apps")


@pytest.mark.parametrize("kind", ["hang", "hang-within"])
def test_fault_hangs(make_double, kind):
    double = make_double("1.5")
    double.add_fault("apps", kind)
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(double.url + "/v2/apps", timeout=0.3).read()


def test_fault_reset_redirect_slow_delay(make_double):
    double = make_double("1.5")
    double.add_app("/web")
    double.add_fault("apps", "reset", count=1)
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        get(double, "/v2/apps")
    double.add_fault("apps", "redirect", count=1, location=double.url + "/v2/info")
    assert json.loads(get(double, "/v2/apps")[2])["name"] == "marathon"
    for kind, options in (("slow", {"rate": 4000}), ("delay", {"seconds": 0.2})):
        double.add_fault("apps", kind, count=1, **options)
        began = time.monotonic()
        assert b"/web" in get(double, "/v2/apps")[2]
        assert time.monotonic() - began > 0.1


def test_fault_streams(make_double):
    double = make_double("1.5", heartbeat=0.05)
    double.add_fault("events", "close", count=1)
    with SseClient(double.port) as client:
        client.read_until(lambda c: c.is_ended)
        assert b"200 OK" in client.head and client.body == b""
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        double.drop_events(["api_post_event"])
        double.add_app("/web")
        client.read_until(has("deployment_success"))
        assert "api_post_event" not in client.names()
        double.silence_streams()
        seen = len(client.body)
        with pytest.raises(AssertionError):
            client.read_until(lambda c: len(c.body) > seen + 2, timeout=0.3)


def test_pause_and_resume_keep_port_and_state(make_double):
    double = make_double("1.5")
    double.add_app("/web")
    double.pause()
    with pytest.raises(urllib.error.URLError):
        get(double, "/v2/apps")
    double.resume()
    assert b"/web" in get(double, "/v2/apps")[2]


# Scale and the program


def test_generator_is_deterministic_and_fast(make_double):
    first, second = make_double("1.5"), make_double("1.5")
    for double in (first, second):
        double.generate(1000, 10)
    began = time.monotonic()
    body = get(first, "/v2/apps?embed=apps.tasks")[2]
    assert time.monotonic() - began < 1.0
    apps = json.loads(body)["apps"]
    others = json.loads(get(second, "/v2/apps?embed=apps.tasks")[2])["apps"]
    assert len(apps) == 1000 and all(len(app["tasks"]) == 10 for app in apps)
    places, other_places = (
        [(task["id"], task["host"], task["ports"]) for app in listed for task in app["tasks"]]
        for listed in (apps, others)
    )
    assert places == other_places
    assert len({(t["host"], t["ports"][0]) for app in apps for t in app["tasks"]}) == 10000


def test_program_and_control_endpoints(make_double):
    program = make_double("1.5").__class__.__module__
    path = sys.modules[program].__file__
    process = subprocess.Popen(
        [sys.executable, path, "--generation", "1.8", "--generate", "2x3"],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        url = process.stdout.readline().split()[1]

        def control(name, **arguments):
            data = json.dumps(arguments).encode()
            with urllib.request.urlopen(f"{url}/_control/{name}", data, timeout=10) as answer:
                return json.load(answer)

        change = control("add_app", app_id="/web", instances=2)
        assert len(change["tasks"]) == 2 and change["writtenAt"] >= change["startedAt"]
        with urllib.request.urlopen(url + "/v2/apps", timeout=10) as answer:
            assert len(json.load(answer)["apps"]) == 3
        assert control("requests")[0]["target"] == "/v2/apps"
        assert control("counters")["apps"] == 1
        with pytest.raises(urllib.error.HTTPError):
            control("scale", app_id="/none", instances=1)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    assert process.returncode == 0
