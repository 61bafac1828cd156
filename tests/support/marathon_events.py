# SPDX-License-Identifier: MIT
# Marathon's events and the server-sent event streams that carry them.
"""Event payloads by generation, and streams with heartbeats, filters and bounded queues."""

from __future__ import annotations

import asyncio
import collections
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import marathon_pods
from marathon_json import JsonWriter, addresses, dump
from marathon_model import RUNNING, App, Task, timestamp

_CONDITIONS = {
    "TASK_STAGING": "Staging",
    "TASK_STARTING": "Starting",
    "TASK_RUNNING": "Running",
    "TASK_KILLING": "Killing",
    "TASK_KILLED": "Killed",
    "TASK_FINISHED": "Finished",
    "TASK_FAILED": "Failed",
    "TASK_LOST": "Unreachable",
    "TASK_UNREACHABLE": "Unreachable",
    "TASK_GONE": "Gone",
}
_TERMINAL = {"TASK_KILLED", "TASK_FINISHED", "TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_GONE"}


@dataclass
class Event:
    """One event; @heavy makes what heavy plans add to the payload's plan."""

    name: str
    payload: dict
    heavy: Callable[[], dict] | None = None

    def frame(self, has_event_line: bool, is_light: bool) -> bytes:
        """The event as it stands on the wire."""
        payload = self.payload
        if self.heavy and not is_light:
            payload = {**payload, "plan": {**payload["plan"], **self.heavy()}}
        data = b"data: " + dump(payload) + b"\r\n\r\n"
        return b"event: " + self.name.encode() + b"\r\n" + data if has_event_line else data


class EventWriter:
    """Makes the payloads of one generation."""

    def __init__(self, writer: JsonWriter, group_tree: Callable[[], dict]) -> None:
        self._writer = writer
        self._generation = writer.generation
        self._group_tree = group_tree

    @staticmethod
    def event(name: str, **fields) -> Event:
        """Any event, from its name and fields."""
        return Event(name, {**fields, "eventType": name, "timestamp": timestamp()})

    def attached(self, address: str) -> Event:
        return self.event("event_stream_attached", remoteAddress=address)

    def detached(self, address: str) -> Event:
        return self.event("event_stream_detached", remoteAddress=address)

    def status(self, app: App, task: Task, status: str, message: str = "") -> list[Event]:
        """What a task's new status publishes."""
        generation = self._generation
        if app.is_pod:
            return self._pod_status(app, task, status, message)
        fields = {
            "slaveId": task.agent,
            "taskId": generation.task_id(app.safe_path, task.uuid),
            "taskStatus": status,
            "message": message,
            "appId": app.id,
            "host": task.host,
            "ports": task.ports,
            "version": task.version,
        }
        if generation.has_ip_addresses and (task.started_at or generation.since(1, 4)):
            fields["ipAddresses"] = addresses(task) if task.started_at else []
        events = []
        if generation.publishes_every_status or status == RUNNING or status in _TERMINAL:
            events.append(self.event("status_update_event", **fields))
        if generation.has_instance_events:
            instance = generation.instance_id(app.safe_path, task.uuid)
            events.append(self._instance_changed(app, task, instance, status))
        return events

    def _pod_status(self, pod: App, task: Task, status: str, message: str) -> list[Event]:
        """One per container with the pod's id as the app's, then one for the instance."""
        instance = marathon_pods.pod_instance_id(pod, task)
        events = [
            self.event(
                "status_update_event",
                slaveId=task.agent, taskId=f"{instance}.{container}", taskStatus=status,
                message=message, appId=pod.id, host=task.host, ports=task.ports,
                ipAddresses=addresses(task) if task.started_at else [], version=task.version,
            )
            for container in marathon_pods.containers_of(pod)
        ]
        return [*events, self._instance_changed(pod, task, instance, status)]

    def _instance_changed(self, app: App, task: Task, instance: str, status: str) -> Event:
        return self.event(
            "instance_changed_event",
            instanceId=instance,
            condition=_CONDITIONS.get(status, "Unknown"),
            runSpecId=app.id,
            agentId=task.agent,
            host=task.host,
            runSpecVersion=task.version,
        )

    def health(self, app: App, task: Task, alive: bool) -> list[Event]:
        """What the flip of one check's verdict publishes."""
        generation = self._generation
        instance = generation.instance_id(app.safe_path, task.uuid)
        if app.is_pod:
            instance = marathon_pods.pod_instance_id(app, task)
        if not generation.has_instance_events:
            task_id = generation.task_id(app.safe_path, task.uuid)
            return [
                self.event(
                    "health_status_changed_event",
                    appId=app.id, taskId=task_id, version=task.version, alive=alive,
                )
            ]
        verdict = False if False in task.health else None if None in task.health else True
        instance_event = self.event(
            "instance_health_changed_event",
            instanceId=instance, runSpecId=app.id, healthy=verdict, runSpecVersion=task.version,
        )
        old = self.event(
            "health_status_changed_event",
            appId=app.id, instanceId=instance, version=task.version, alive=alive,
        )
        return [instance_event, old, instance_event]

    def written(self, app: App, how: str) -> list[Event]:
        """What a write of a definition publishes. @how: created, updated, deleted"""
        events = [self.group_change(app)]
        if app.is_pod:
            uri = "/v2/pods" if how == "created" else f"/v2/pods/{app.id}"
            events.append(self.event(f"pod_{how}_event", clientIp="10.0.6.211", uri=uri))
        elif how != "deleted":  # DELETE publishes no api_post_event
            events.append(self.api_post(app))
        return events

    def api_post(self, app: App) -> Event:
        return self.event(
            "api_post_event",
            clientIp="10.0.6.211",
            uri=f"/v2/apps/{app.id}",
            appDefinition=self._writer.definition(app),
        )

    def group_change(self, app: App) -> Event:
        return self.event("group_change_success", groupId=app.group, version=app.version)

    def add_health_checks(self, app: App) -> list[Event]:
        return [
            self.event(
                "add_health_check_event",
                appId=app.id,
                version=app.version,
                healthCheck=self._writer.health_check(check),
            )
            for check in app.health_checks
        ]

    def app_terminated(self, app: App) -> Event:
        return self.event("app_terminated_event", appId=app.id)

    def plan(self, app: App, action: str) -> dict:
        """A deployment plan of one step, light form."""
        kind = "app"
        if app.is_pod:
            action, kind = action.replace("Application", "Pod"), "pod"
        step = {"actions": [{self._generation.action_key: action, kind: app.id}]}
        return {"id": str(uuid.uuid4()), "steps": [step], "version": app.version}

    def deployment(self, name: str, plan: dict) -> Event:
        """deployment_info, deployment_step_success, deployment_success … of @plan."""
        fields: dict = {"plan": plan}
        if name in ("deployment_success", "deployment_failed"):
            fields["id"] = plan["id"]
            if not self._generation.has_plan_in_success:
                del fields["plan"]
        else:
            fields["currentStep"] = plan["steps"][0]
        event = self.event(name, **fields)
        if "plan" in fields:
            event.heavy = lambda: {"original": self._group_tree(), "target": self._group_tree()}
        return event


class EventStream:
    """One subscriber: writes at once while the peer reads, else queues up to the limit."""

    def __init__(self, writer, names, is_light: bool, generation, heartbeat: float) -> None:
        """@names is the event_type filter, empty = everything."""
        self._writer = writer
        self._names = frozenset(names)
        self._is_light = is_light
        self._generation = generation
        self._heartbeat = heartbeat
        self._backlog: collections.deque[bytes] = collections.deque()
        self._has_backlog = asyncio.Event()
        self.is_silent = False
        self.is_closed = False
        self.dropped = 0
        writer.transport.set_write_buffer_limits(high=0)

    def send(self, event: Event) -> None:
        """Sends or queues @event; what does not fit is dropped or ends the stream."""
        if self.is_closed or self.is_silent or (self._names and event.name not in self._names):
            return
        self.send_raw(event.frame(self._generation.has_event_line, self._is_light))

    def send_raw(self, frame: bytes) -> None:
        """Sends bytes as they are, with the same queue and limit."""
        if self.is_closed:
            return
        if not self._backlog and self._writer.transport.get_write_buffer_size() == 0:
            self._writer.write(frame)
            return
        if len(self._backlog) >= self._generation.max_outstanding:
            self.dropped += 1
            if self._generation.closes_on_overflow:
                self.close(abort=True)
            return
        self._backlog.append(frame)
        self._has_backlog.set()

    async def run(self) -> None:
        """Writes the backlog and the heartbeats until the stream is closed."""
        next_beat = time.monotonic() + self._heartbeat
        try:
            while not self.is_closed:
                self._has_backlog.clear()
                while self._backlog and not self.is_closed:
                    await self._writer.drain()
                    if self._backlog:
                        self._writer.write(self._backlog.popleft())
                if time.monotonic() >= next_beat:
                    next_beat += self._heartbeat
                    await self._beat()
                wait = max(0.0, next_beat - time.monotonic())
                try:
                    await asyncio.wait_for(self._has_backlog.wait(), wait)
                except asyncio.TimeoutError:
                    pass
        except ConnectionError:
            self.is_closed = True

    async def _beat(self) -> None:
        """Jetty flushes CR and LF apart: they may arrive as two segments."""
        if self.is_silent:
            return
        self._writer.write(b"\r")
        await self._writer.drain()
        await asyncio.sleep(0.001)
        if not self.is_closed:
            self._writer.write(b"\n")
            await self._writer.drain()

    def close(self, abort: bool = False) -> None:
        """Ends the connection; @abort drops what the peer has not read yet."""
        if self.is_closed:
            return
        self.is_closed = True
        self._has_backlog.set()
        if abort:
            self._writer.transport.abort()
        else:
            self._writer.close()


class EventBus:
    """All subscribers, and the switch that loses events on their way."""

    def __init__(self) -> None:
        self.streams: list[EventStream] = []
        self.dropped_names: frozenset[str] | None = frozenset()  # None: all of them
        self.published = 0

    def publish(self, *events: Event) -> int:
        """Sends to every stream. @return monotonic time in ns when the last byte was written"""
        for event in events:
            self.published += 1
            if self.dropped_names is None or event.name in self.dropped_names:
                continue
            for stream in list(self.streams):
                stream.send(event)
        return time.monotonic_ns()

    def close_all(self) -> int:
        """Ends every stream. @return how many there were"""
        streams, self.streams = self.streams, []
        for stream in streams:
            stream.close()
        return len(streams)
