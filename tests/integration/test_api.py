# SPDX-License-Identifier: MIT
# The HTTP API's endpoints, as clients of mmsd 0.13 and new ones use them.
"""HTTP API."""

from __future__ import annotations

import http.client
import json

import pytest
from mmsd_harness import PROCESSES
from waiting import wait_for


@pytest.fixture
def served(make_double, make_mmsd, expect_state):
    """An mmsd with an app of three ports, and its double."""
    double = make_double("1.5")
    double.add_app(
        "/developer/trapni/php", instances=2, ports=[10000, 10001, 10002],
        hosts=["127.0.0.2", "localhost"],
    )
    double.add_app("/idle", instances=0)
    mmsd = make_mmsd(double).start()
    wait_for("instances", lambda: len(mmsd.get("/v1/instances/developer/trapni/php").lines) == 2)
    return mmsd, double


def fnv1a32(text: str) -> int:
    """FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


def test_ping_version_apps(served):
    mmsd, _ = served
    assert mmsd.get("/ping").text.strip() == "pong"
    assert mmsd.get("/version").text.strip().startswith("api 1.")
    assert mmsd.get("/v1/apps").text == "/developer/trapni/php\n/idle\n"
    assert mmsd.get("/v1/apps").headers["Content-Type"].startswith("text/plain")


def test_instances(served):
    mmsd, double = served
    ports = {task.host: task.ports for task in double.app("/developer/trapni/php").tasks}
    first, second = ports["localhost"], ports["127.0.0.2"]
    base = "/v1/instances/developer/trapni/php"
    assert mmsd.get(base).lines == [f"127.0.0.1:{first[0]}", f"127.0.0.2:{second[0]}"]
    for path in (base + "?portIndex=1", "/v1/instances//developer/trapni/php?portIndex=1"):
        assert mmsd.get(path).lines == [f"127.0.0.1:{first[1]}", f"127.0.0.2:{second[1]}"]
    assert mmsd.get(base + "?noresolve=1").lines == [
        f"127.0.0.2:{second[0]}", f"localhost:{first[0]}",
    ]
    agents = {task.host: task.agent for task in double.app("/developer/trapni/php").tasks}
    assert mmsd.get(base + "?noresolve=1&withid=1").lines == [
        f"{fnv1a32(agents['127.0.0.2'])}:127.0.0.2:{second[0]}",
        f"{fnv1a32(agents['localhost'])}:localhost:{first[0]}",
    ]


@pytest.mark.parametrize("asked,indices", [("1:2", (1, 2)), ("1:", (1, 2)), ("0:1", (0, 1))])
def test_ranges_of_port_indices(served, asked, indices):
    mmsd, double = served
    answer = mmsd.get(f"/v1/instances/developer/trapni/php?noresolve=1&portIndex={asked}")
    assert answer.lines == [
        ":".join([task.host, *(str(task.ports[index]) for index in indices)])
        for task in double.app("/developer/trapni/php").tasks
    ]


def test_service_ports(served):
    mmsd, _ = served
    assert mmsd.get("/v1/service_ports/developer/trapni/php").lines == ["10000", "10001", "10002"]
    assert mmsd.get("/v1/service_ports/none").status == 404


def test_error_statuses(served):
    mmsd, _ = served
    assert mmsd.get("/v1/instances/unknown").status == 404
    assert mmsd.get("/v1/instances/idle").status == 204
    bad = mmsd.get("/v1/instances/developer/trapni/php?portIndex=x")
    assert bad.status == 400 and "portIndex" in bad.text
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert mmsd.get("/v1/apps", method=method).status == 405
    assert mmsd.get("/no/such/path").status == 404


def test_json(served):
    mmsd, double = served

    def ask(path: str):
        answer = mmsd.get(path, Accept="application/json")
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.body)

    assert ask("/v1/apps") == (200, ["/developer/trapni/php", "/idle"])
    assert ask("/v1/service_ports/idle/none")[0] == 404
    assert ask("/v1/service_ports/developer/trapni/php") == (200, [10000, 10001, 10002])
    tasks = {task.host: task for task in double.app("/developer/trapni/php").tasks}
    status, instances = ask("/v1/instances/developer/trapni/php?portIndex=0:1")
    assert status == 200 and len(instances) == 2
    for instance, (address, host) in zip(
        instances, (("127.0.0.1", "localhost"), ("127.0.0.2", "127.0.0.2"))
    ):
        assert tasks[host].uuid in instance.pop("task")
        assert instance == {"host": host, "address": address, "ports": tasks[host].ports[:2],
                            "agent": tasks[host].agent}
    assert mmsd.get("/v1/instances/idle", Accept="application/json").status == 204
    refused = mmsd.get("/v1/apps", Accept="*/*;q=0")
    assert refused.status == 406 and refused.headers["Vary"] == "Accept"


def test_an_unchanged_answer_is_304(served):
    mmsd, double = served
    path = "/v1/instances/developer/trapni/php"
    first = mmsd.get(path)
    tag = first.headers["ETag"]
    again = mmsd.get(path, **{"If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Vary"] == first.headers["Vary"] == "Accept"
    # A change elsewhere moves the generation, but is none of this resource.
    double.scale("/idle", 1)
    wait_for("the other app", lambda: mmsd.get("/v1/instances/idle").status == 200)
    assert mmsd.get(path, **{"If-None-Match": tag}).status == 304
    assert int(mmsd.get(path).headers["Mmsd-Generation"]) > int(first.headers["Mmsd-Generation"])
    double.scale("/developer/trapni/php", 1)
    wait_for("the change", lambda: mmsd.get(path, **{"If-None-Match": tag}).status == 200)


def test_options_and_allow(served):
    mmsd, _ = served
    for path in ("/v1/apps", "/ping", "*"):
        answer = mmsd.get(path, method="OPTIONS")
        assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert mmsd.get("/v1/apps", method="POST").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_percent_encoded_names(served):
    mmsd, _ = served
    expected = mmsd.get("/v1/instances/developer/trapni/php").body
    for name in ("%2Fdeveloper%2Ftrapni%2Fphp", "developer/%74rapni/php", "/developer%2ftrapni/php"):
        assert mmsd.get(f"/v1/instances/{name}").body == expected
    assert mmsd.get("/v1/instances/a%zz").status == 400


def test_head_has_no_body_and_keeps_the_connection(served):
    mmsd, _ = served
    connection = http.client.HTTPConnection("127.0.0.1", mmsd.api_port, timeout=10)
    connection.request("HEAD", "/v1/apps")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/v1/apps")
    assert connection.getresponse().read() == b"/developer/trapni/php\n/idle\n"
    connection.close()


def test_status(served):
    mmsd, _ = served
    wait_for("all applied", lambda: all_applied(mmsd))
    status = mmsd.status()
    processes = {process["name"]: process for process in status["processes"]}
    for name in PROCESSES:
        assert processes[name]["pid"] == mmsd.pid(name)
        assert (processes[name]["phase"], processes[name]["restarts"]) == ("running", 0)
    assert status["snapshot"]["serving_instances"] == 2
    wait_for("the watcher's report", lambda: is_connected(mmsd) is True)


def test_status_is_whole_from_the_first_answer_on(make_double, make_mmsd):
    double = make_double("1.5")
    double.add_app("/web")
    mmsd = make_mmsd(double)
    mmsd.launch()
    first = wait_for("the first answer", lambda: status_or_nothing(mmsd))
    assert {process["name"] for process in first["processes"]} == set(PROCESSES)
    assert first["watcher"] is not None


def status_or_nothing(mmsd) -> dict | None:
    """/v1/status, or nothing while nobody listens."""
    try:
        return mmsd.status()
    except OSError:
        return None


def is_connected(mmsd) -> bool | None:
    """What the watcher says of its event stream; None before its first report."""
    return (mmsd.status()["watcher"] or {}).get("connected")


def all_applied(mmsd) -> bool:
    """Every worker has the newest generation."""
    status = mmsd.status()
    applied = {process["name"]: process["generation"] for process in status["processes"]}
    newest = status["supervisor_generation"]
    return bool(newest) and applied.get("confd-writer") == applied.get("api-server") == newest


def test_api_answers_while_marathon_is_away(served):
    mmsd, double = served
    before = mmsd.get("/v1/instances/developer/trapni/php").lines
    wait_for("the watcher's report", lambda: is_connected(mmsd) is True)
    double.pause()
    wait_for("the loss to be seen", lambda: is_connected(mmsd) is False)
    assert mmsd.get("/v1/instances/developer/trapni/php").lines == before
    double.resume()
    double.scale("/idle", 1)
    wait_for("life after it", lambda: mmsd.get("/v1/instances/idle").status == 200)


def test_no_state_yet_is_503(make_mmsd, make_double):
    double = make_double("1.5")
    double.add_app("/web")
    double.pause()
    mmsd = make_mmsd(double)
    mmsd.launch()

    def status_of(path: str) -> int:
        try:
            return mmsd.get(path).status
        except OSError:
            return 0

    wait_for("API", lambda: status_of("/ping") == 200)
    assert status_of("/v1/apps") == 503
    double.resume()
    wait_for("first state", lambda: status_of("/v1/apps") == 200)
