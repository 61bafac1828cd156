# SPDX-License-Identifier: MIT
# What can happen in the double's cluster: each operation changes state and emits its events.
"""Operations on apps and tasks, with the events a Marathon of that generation sends."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time

from marathon_events import EventBus, EventWriter
from marathon_faults import Fault, FaultTable
from marathon_generation import Generation
from marathon_json import AppJsonCache, JsonWriter, group_tree
from marathon_model import (
    NETWORKS, RUNNING, App, Placement, Task, http_check, make_ports, start, timestamp,
)

_FIRST_SERVICE_PORT = 10000


class Operations:
    """The cluster's state; every method runs in the double's event loop.

    Methods answer {"startedAt", "writtenAt", …}: CLOCK_MONOTONIC in ns when the state changed
    first and when the last event was handed to the kernel.
    """

    def __init__(self, generation: Generation, hosts: list[str] | None) -> None:
        self.generation = generation
        self.apps: dict[str, App] = {}
        self.bus = EventBus()
        self.faults = FaultTable()
        self.placement = Placement(hosts)
        self.writer = JsonWriter(generation)
        self.cache = AppJsonCache(self.writer)
        self.events = EventWriter(self.writer, self._group_tree)
        self.step_delay = 0.0
        self.leader = ""
        self._last_version = ""
        self._next_service_port = _FIRST_SERVICE_PORT

    # Apps

    async def add_app(
        self, app_id, instances=1, ports=1, network="host", health_checks=None, labels=None,
        healthy=True, hosts=None, **fields,
    ):
        """Adds an app and starts its tasks.

        @ports: a number, or a list of service ports, dicts of Port's fields, or Port.
        @health_checks: a number of HTTP checks, or Marathon definitions; @healthy: their verdict
        (None: not reported yet). @hosts: one per instance. @fields: other fields of App.
        """
        self._check_new(app_id, network)
        made = make_ports(ports, self._next_service_port)
        self._next_service_port += len(made)
        if isinstance(health_checks, int):
            health_checks = [http_check() for _ in range(health_checks)]
        app = App(
            app_id, made, network, instances, dict(labels or {}), list(health_checks or []),
            version=self._new_version(), **fields,
        )
        began = time.monotonic_ns()
        self.apps[app_id] = app
        async with self._deployment(app, "StartApplication"):
            self.bus.publish(*self.events.add_health_checks(app))
            self.bus.publish(*self.events.written(app, "created"))
            tasks = [
                await self._start_task(app, healthy, hosts[n] if hosts else None)
                for n in range(instances)
            ]
        return self._change(began, app, tasks)

    async def add_pod(self, pod_id, instances=1, ports=1, network="host", **fields):
        """Adds a pod: @ports are its endpoints, two a container; all else as for an app."""
        if not self.generation.has_pods:
            raise ValueError(f"{self.generation.version} has no pods")
        return await self.add_app(pod_id, instances, ports, network, is_pod=True, **fields)

    async def remove_app(self, app_id):
        """Deletes an app: its tasks are killed, then the app is terminated."""
        app = self.apps[app_id]
        began = time.monotonic_ns()
        async with self._deployment(app, "StopApplication"):
            self.bus.publish(*self.events.written(app, "deleted"))
            for task in list(app.tasks):
                await self._kill_task(app, task)
            del self.apps[app_id]
            self.cache.forget(app_id)
            if not app.is_pod:
                self.bus.publish(self.events.app_terminated(app))
        return self._change(began, app)

    async def scale(self, app_id, instances, healthy=True, hosts=None):
        """Changes the number of instances; the youngest are killed first."""
        app = self.apps[app_id]
        began = time.monotonic_ns()
        app.instances = instances
        app.version = self._new_version()
        self._touch(app)
        tasks = []
        async with self._deployment(app, "ScaleApplication"):
            self.bus.publish(*self.events.written(app, "updated"))
            while len(app.tasks) > instances:
                await self._kill_task(app, app.tasks[-1])
            while len(app.tasks) < instances:
                host = hosts[len(tasks)] if hosts else None
                tasks.append(await self._start_task(app, healthy, host))
        return self._change(began, app, tasks)

    async def relabel(self, app_id, labels, port_index=None):
        """Sets the labels of an app (or of one of its ports) without restarting its tasks."""
        app = self.apps[app_id]
        began = time.monotonic_ns()
        if port_index is None:
            app.labels = dict(labels)
        else:
            app.ports[port_index].labels = dict(labels)
        app.version = self._new_version()
        self._touch(app)
        async with self._deployment(app, "ScaleApplication"):
            self.bus.publish(*self.events.written(app, "updated"))
        return self._change(began, app)

    async def deploy(self, app_id, healthy=True, ports=None, labels=None, **fields):
        """Rolls a new version out: each old task is replaced by a new one, then killed."""
        app = self.apps[app_id]
        began = time.monotonic_ns()
        old = list(app.tasks)
        if ports is not None:
            app.ports = make_ports(ports, self._next_service_port)
            self._next_service_port += len(app.ports)
        if labels is not None:
            app.labels = dict(labels)
        for name, value in fields.items():
            setattr(app, name, value)
        app.version = self._new_version()
        self._touch(app)
        tasks = []
        async with self._deployment(app, "RestartApplication"):
            self.bus.publish(*self.events.add_health_checks(app))
            self.bus.publish(*self.events.written(app, "updated"))
            for task in old:
                tasks.append(await self._start_task(app, healthy))
                await self._kill_task(app, task)
            while len(app.tasks) < app.instances:
                tasks.append(await self._start_task(app, healthy))
        return self._change(began, app, tasks)

    # Tasks

    async def kill_task(self, app_id, task=0, is_replaced=True, status="TASK_FAILED"):
        """Ends one task, by number or UUID; Marathon starts another in its place."""
        app = self.apps[app_id]
        began = time.monotonic_ns()
        self._end_task(app, self._task(app, task), status)
        tasks = [await self._start_task(app, True)] if is_replaced else []
        return self._change(began, app, tasks)

    async def set_health(self, app_id, task, alive, check=0, is_announced=True):
        """Flips the verdict of one health check of one task (None: no result)."""
        app = self.apps[app_id]
        found = self._task(app, task)
        began = time.monotonic_ns()
        found.health[check] = alive
        self._touch(app)
        if alive is not None and is_announced:
            self.bus.publish(*self.events.health(app, found, alive))
        return self._change(began, app, [found])

    async def set_state(self, app_id, task, state, event_status=None):
        """Sets a task's state; @event_status is what the event says, where it differs (LOST)."""
        app = self.apps[app_id]
        found = self._task(app, task)
        began = time.monotonic_ns()
        if state == RUNNING:
            start(found)
        found.state = state
        self._touch(app)
        self.bus.publish(*self.events.status(app, found, event_status or state))
        return self._change(began, app, [found])

    # The whole cluster

    async def generate(
        self, apps, tasks, health_checks=1, network="host", prefix="/load",
        first_port=_FIRST_SERVICE_PORT,
    ):
        """Makes @apps apps × @tasks tasks without events, printed and cached."""
        began = time.monotonic_ns()
        version = self._new_version()
        checks = [http_check() for _ in range(health_checks)]
        for number in range(apps):
            app_id = f"{prefix}/team-{number % 100:02d}/service-{number:05d}"
            self._check_new(app_id, network)
            ports = make_ports(1, first_port + number % (60000 - first_port))
            app = App(app_id, ports, network, tasks, {"lb-group": "load"}, checks, version=version)
            for _ in range(tasks):
                task = self.placement.place(app)
                start(task)
                task.health = [True] * health_checks
                app.tasks.append(task)
            self.apps[app_id] = app
            self.cache.app(app, True)
        self._next_service_port = max(self._next_service_port, first_port + apps)
        return self._change(began)

    async def leader_change(self, leader=None, blank_health=True):
        """Another node leads: all streams end, and all health results are gone at first."""
        began = time.monotonic_ns()
        self.leader = leader or self.leader
        if blank_health:
            for app in self.apps.values():
                for task in app.tasks:
                    task.health = [None] * len(task.health)
            self.cache.clear()
        self.bus.close_all()
        return self._change(began)

    async def report_health(self, alive=True):
        """Every missing verdict comes in."""
        began = time.monotonic_ns()
        for app in self.apps.values():
            for task in app.tasks:
                for check, known in enumerate(task.health):
                    if known is None:
                        task.health[check] = alive
                        self._touch(app)
                        self.bus.publish(*self.events.health(app, task, alive))
        return self._change(began)

    async def emit(self, name, **fields):
        """Sends any event; the state stays."""
        began = time.monotonic_ns()
        self.bus.publish(self.events.event(name, **fields))
        return self._change(began)

    async def emit_raw(self, text):
        """Sends text on all streams as it is."""
        began = time.monotonic_ns()
        for stream in list(self.bus.streams):
            stream.send_raw(text.encode())
        return self._change(began)

    # Switches

    async def add_fault(self, endpoint, kind, count=None, **parameters):
        """Makes the next @count answers of @endpoint (`apps`, `app`, `events`, …, `*`) go wrong."""
        self.faults.add(endpoint, Fault(kind, count, **parameters))

    async def clear_faults(self, endpoint=None):
        """Ends the faults of one endpoint, or all."""
        self.faults.clear(endpoint)

    async def silence_streams(self, is_silent=True):
        """Open streams stay open and say nothing, not even heartbeats."""
        for stream in self.bus.streams:
            stream.is_silent = is_silent

    async def close_streams(self):
        """Ends all event streams."""
        return {"closed": self.bus.close_all()}

    async def drop_events(self, names=None):
        """Loses events of these names; None = all, [] = none."""
        self.bus.dropped_names = None if names is None else frozenset(names)

    async def set_step_delay(self, seconds):
        """Makes every step of a deployment take time."""
        self.step_delay = seconds

    # Parts

    def plain_apps(self) -> list[App]:
        """Those that are no pods."""
        return [app for app in self.apps.values() if not app.is_pod]

    def pods(self) -> list[App]:
        return [app for app in self.apps.values() if app.is_pod]

    def _group_tree(self) -> dict:
        return group_tree(self.writer, self.plain_apps(), self._last_version)

    def _check_new(self, app_id: str, network: str) -> None:
        generation = self.generation
        if app_id in self.apps or not app_id.startswith("/"):
            raise ValueError(f"app id {app_id!r} is taken or relative")
        possible = {
            "host": True,
            "bridge": True,
            "container": generation.has_container_network,
            "ip-per-task": generation.has_ip_per_task,
        }
        if network not in NETWORKS or not possible[network]:
            raise ValueError(f"network {network!r} does not exist in {generation.version}")

    def _new_version(self) -> str:
        version = timestamp()
        while version <= self._last_version:
            version = timestamp()
        self._last_version = version
        return version

    def _touch(self, app: App) -> None:
        self.cache.forget(app.id)

    async def _step(self) -> None:
        if self.step_delay:
            await asyncio.sleep(self.step_delay)

    @contextlib.asynccontextmanager
    async def _deployment(self, app: App, action: str):
        plan = self.events.plan(app, action)
        app.deployments.append(plan["id"])
        self._touch(app)
        self.bus.publish(self.events.deployment("deployment_info", plan))
        yield
        app.deployments.remove(plan["id"])
        self._touch(app)
        self.bus.publish(
            self.events.deployment("deployment_step_success", plan),
            self.events.deployment("deployment_success", plan),
        )

    async def _start_task(self, app: App, healthy: bool | None, host: str | None = None) -> Task:
        task = self.placement.place(app, host)
        app.tasks.append(task)
        self._touch(app)
        self.bus.publish(*self.events.status(app, task, task.state))
        await self._step()
        start(task)
        self._touch(app)
        self.bus.publish(*self.events.status(app, task, RUNNING))
        if healthy is not None and task.health:
            await self._step()
            for check in range(len(task.health)):
                task.health[check] = healthy
                self._touch(app)
                self.bus.publish(*self.events.health(app, task, healthy))
        return task

    async def _kill_task(self, app: App, task: Task) -> None:
        if self.generation.has_task_state:
            task.state = "TASK_KILLING"
            self._touch(app)
            self.bus.publish(*self.events.status(app, task, "TASK_KILLING"))
        await self._step()
        self._end_task(app, task, "TASK_KILLED")

    def _end_task(self, app: App, task: Task, status: str) -> None:
        app.tasks.remove(task)
        self._touch(app)
        message = "Container exited with status 137"
        self.bus.publish(*self.events.status(app, task, status, message))

    @staticmethod
    def _task(app: App, which: int | str) -> Task:
        if isinstance(which, int):
            return app.tasks[which]
        return next(task for task in app.tasks if task.uuid == which)

    def _change(self, began: int, app: App | None = None, tasks: list[Task] = ()) -> dict:
        change: dict = {"startedAt": began, "writtenAt": time.monotonic_ns()}
        if app:
            change["app"] = app.id
            change["tasks"] = [task.uuid for task in tasks]
        return change


# The operations by name: what the Python interface and the control endpoints both offer.
OPERATIONS = {
    name: function
    for name, function in vars(Operations).items()
    if inspect.iscoroutinefunction(function) and not name.startswith("_")
}
