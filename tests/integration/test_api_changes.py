# SPDX-License-Identifier: MIT
# Clients that wait for changes: long polls, event streams, and the log.
"""HTTP API: what changes."""

from __future__ import annotations

import concurrent.futures
import re
import signal
import time

import pytest
from api_event_client import ApiEventClient
from waiting import wait_for


@pytest.fixture
def served(make_double, make_mmsd):
    """An mmsd with two apps, and its double."""
    double = make_double("1.5")
    double.add_app("/group/web", instances=1, ports=[10000])
    double.add_app("/other", instances=1, ports=[10001])
    mmsd = make_mmsd(double).start()
    for name in ("group/web", "other"):
        wait_for(name, lambda: len(mmsd.get(f"/v1/instances/{name}").lines) == 1)
    return mmsd, double


def metric(mmsd, name: str) -> float:
    """A metric of the api-server; 0 while it does not know yet how the processes are, which a
    slow start makes longer than its first clients wait."""
    return next((m["value"] for p in mmsd.status()["processes"] if p["name"] == "api-server"
                 for m in p.get("metrics", []) if m["name"] == name), 0)


def test_long_poll(served):
    mmsd, double = served
    path = "/v1/instances/group/web"
    first = mmsd.get(path)
    tag = {"If-None-Match": first.headers["ETag"]}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(mmsd.get, path + "?wait=60s", **tag)
        wait_for("the client to wait", lambda: metric(mmsd, "http_held_requests") == 1)
        double.scale("/other", 2)
        wait_for("the other app", lambda: len(mmsd.get("/v1/instances/other").lines) == 2)
        assert not waiting.done()
        double.scale("/group/web", 3)
        answer = waiting.result(timeout=30)
    assert answer.status == 200
    assert len(answer.lines) > 1  # one after the other, as Marathon tells of them
    assert answer.headers["ETag"] != first.headers["ETag"]


def test_long_poll_in_vain(served):
    mmsd, _ = served
    tag = {"If-None-Match": mmsd.get("/v1/apps").headers["ETag"]}
    begin = time.monotonic()
    assert mmsd.get("/v1/apps?wait=1s", **tag).status == 304
    assert time.monotonic() - begin >= 1
    assert mmsd.get("/v1/apps?wait=soon", **tag).status == 400


def test_events(served):
    mmsd, double = served
    with ApiEventClient(mmsd.api_port) as client, ApiEventClient(
        mmsd.api_port, "?app=/group"
    ) as group:
        assert "Content-Type: text/event-stream" in client.head
        assert client.next().name == group.next().name == "reset"
        double.scale("/other", 0)
        seen = []
        while not any(e.data.get("change") == "removed" for e in seen):
            seen = client.next_generation()
        removed = next(e for e in seen if e.data.get("change") == "removed")
        assert (removed.name, removed.data["app"]) == ("instance", "/other")
        closing = seen[-1]
        assert closing.name == "generation" and closing.data["instances_removed"] == 1
        assert closing.id.startswith(f"{closing.data['generation']}-")
        assert "/other" in closing.data["cause"]
        assert 0 <= closing.data["delay_seconds"] < 60

        double.scale("/group/web", 2)
        added = group.next()
        while added.data.get("change") != "added":
            added = group.next()
        assert added.data["app"] == "/group/web"  # nothing of the other one before

    # Who comes back is told what happened meanwhile.
    double.remove_app("/other")
    wait_for("the app to be gone", lambda: mmsd.get("/v1/instances/other").status == 404)
    with ApiEventClient(mmsd.api_port, last_event_id=closing.id) as client:
        while (event := client.next()).data.get("app") != "/other":
            assert event.name != "reset"
        assert (event.name, event.data["change"]) == ("app", "removed")


def test_events_across_a_restart_of_the_worker(served):
    mmsd, _ = served
    with ApiEventClient(mmsd.api_port) as client:
        begin = client.next()
        mmsd.signal("api-server", signal.SIGTERM)
        with pytest.raises(ConnectionError):
            client.next()
    with ApiEventClient(mmsd.api_port, last_event_id=begin.id) as client:
        again = client.next()
    assert again.name == "reset" and again.data["generation"] == begin.data["generation"]
    assert again.id != begin.id


def test_a_line_in_the_log_per_change(served):
    mmsd, double = served
    double.scale("/other", 0)
    wait_for("the change", lambda: mmsd.get("/v1/instances/other").status == 204)
    pattern = re.compile(
        r'info mmsd-api-server\[\d+\]: state applied generation=(\d+) cause="?([^"]*?)"? '
        r"apps=(\d+) added=(\d+) removed=(\d+) changed=(\d+) after_ms=(\d+)\n"
    )
    wait_for("its line", lambda: any(
        "/other" in line[1] and line[4] == "1" for line in pattern.findall(mmsd.log)))
    generations = [int(line[0]) for line in pattern.findall(mmsd.log)]
    assert generations == sorted(set(generations))
