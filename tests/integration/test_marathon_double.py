# SPDX-License-Identifier: MIT
# The event stream of the Marathon double is that of the release that it plays.
"""The double's events: framing, filters, queues, order."""

from __future__ import annotations

import json

import pytest
from double_client import get, has
from sse_client import SseClient


# Framing


def test_events_are_framed_with_crlf(make_double):
    double = make_double("1.5")
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        head = client.head.decode()
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert "Content-Type: text/event-stream;charset=UTF-8" in head
        assert "Content-Length" not in head and "chunked" not in head
        event, data, rest = client.body.split(b"\r\n", 2)
        assert event == b"event: event_stream_attached"
        assert json.loads(data.removeprefix(b"data: "))["remoteAddress"] == "127.0.0.1"
        assert rest == b"\r\n"


@pytest.mark.parametrize("generation,has_line", [("0.9", False), ("0.10", False), ("0.11", True)])
def test_event_line_came_with_0_11(make_double, generation, has_line):
    double = make_double(generation)
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        assert client.body.startswith(b"event: " if has_line else b"data: ")


def test_heartbeat_is_cr_then_lf(make_double):
    double = make_double("1.5", heartbeat=0.1)
    with SseClient(double.port) as client:
        client.read_until(lambda c: c.body.count(b"\r\n") >= 7)
        beats = client.body.split(b"\r\n\r\n", 1)[1]
        assert beats.replace(b"\r\n", b"") in (b"", b"\r")
        assert b"\r" in client.segments and b"\n" in client.segments


def test_accept_header_must_be_exact(make_double):
    double = make_double("1.5")
    status, headers, body = get(double, "/v2/events", Accept="text/event-stream, */*")
    assert status == 405
    assert headers["Content-Type"].startswith("text/html") and b"<html>" in body
    assert get(make_double("0.8"), "/v2/events", Accept="text/event-stream")[0] == 404


# Filters and queues


@pytest.mark.parametrize("generation,honoured", [("1.3.6", False), ("1.3.7", True), ("1.8", True)])
def test_event_type_filter(make_double, generation, honoured):
    double = make_double(generation)
    query = "?event_type=status_update_event&event_type=api_post_event"
    with SseClient(double.port, query) as client:
        client.read_until(lambda c: c.head)
        double.add_app("/web")
        client.read_until(has("status_update_event", "api_post_event"))
        double.emit("status_update_event", appId="/last")
        client.read_until(lambda c: b"/last" in c.body)
        others = set(client.names()) - {"status_update_event", "api_post_event"}
        assert bool(others) != honoured


@pytest.mark.parametrize(
    "generation,query,is_light",
    [("1.4", "?plan-format=light", False), ("1.5", "", False), ("1.5", "?plan-format=light", True),
     ("1.7", "", True)],
)
def test_plan_format(make_double, generation, query, is_light):
    double = make_double(generation)
    with SseClient(double.port, query) as client:
        client.read_until(has("event_stream_attached"))
        double.add_app("/web")
        client.read_until(has("deployment_success"))
        plans = [event["plan"] for event in client.events() if "plan" in event]
        assert plans and all(("original" in plan) != is_light for plan in plans)


@pytest.mark.parametrize("generation,is_closed", [("1.4", False), ("1.8", True)])
def test_slow_reader_loses_events_or_the_stream(make_double, generation, is_closed):
    double = make_double(generation)
    with SseClient(double.port, receive_buffer=4096) as client:
        client.read_until(has("event_stream_attached"))
        stream = double.server.operations.bus.streams[0]
        # Enough for the kernel's buffers and the longest queue.
        for _ in range(2000):
            double.emit("framework_message_event", message="x" * 4000)
        assert stream.dropped > 0
        assert stream.is_closed == is_closed


# Order of events


def test_start_of_an_app_as_recorded(make_double):
    double = make_double("1.3")
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        double.add_app("/zdd/base", health_checks=1)
        client.read_until(has("deployment_success"))
        assert client.names()[1:] == [
            "deployment_info",
            "add_health_check_event",
            "group_change_success",
            "api_post_event",
            "status_update_event",
            "status_update_event",
            "health_status_changed_event",
            "deployment_step_success",
            "deployment_success",
        ]
        states = [e["taskStatus"] for e in client.events() if "taskStatus" in e]
        assert states == ["TASK_STAGING", "TASK_RUNNING"]


def test_instance_events_came_with_1_4(make_double):
    double = make_double("1.4")
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        double.add_app("/zdd/base", health_checks=1)
        double.set_health("/zdd/base", 0, False)
        double.remove_app("/zdd/base")
        client.read_until(has("app_terminated_event", "deployment_success"))
        by_name = {event["eventType"]: event for event in client.events()}
        assert by_name["instance_health_changed_event"]["healthy"] is False
        assert "taskId" not in by_name["health_status_changed_event"]
        assert by_name["instance_changed_event"]["condition"] == "Killed"
        assert by_name["instance_changed_event"]["instanceId"].startswith("zdd_base.marathon-")


def test_old_marathons_publish_running_and_terminal_states_only(make_double):
    double = make_double("0.11")
    with SseClient(double.port) as client:
        client.read_until(has("event_stream_attached"))
        double.add_app("/web")
        double.remove_app("/web")
        client.read_until(has("app_terminated_event"))
        states = [e["taskStatus"] for e in client.events() if "taskStatus" in e]
        assert states == ["TASK_RUNNING", "TASK_KILLED"]


def test_rolling_deployment_replaces_every_task(make_double):
    double = make_double("1.8")
    double.add_app("/web", instances=3)
    before = {task.uuid for task in double.app("/web").tasks}
    double.deploy("/web", labels={"colour": "green"})
    after = {task.uuid for task in double.app("/web").tasks}
    assert len(after) == 3 and not before & after
