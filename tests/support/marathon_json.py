# SPDX-License-Identifier: MIT
# How each Marathon generation prints apps, tasks and groups as JSON.
"""JSON answers of Marathon, by generation, cached per app."""

from __future__ import annotations

import json

import marathon_pods
from marathon_generation import Generation
from marathon_model import RUNNING, App, Port, Task, trimmed


def dump(value) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class JsonWriter:
    """Prints apps as one generation does."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    def app_version(self, app: App) -> str:
        return trimmed(app.version) if self.generation.trims_versions else app.version

    def definition(self, app: App) -> dict:
        """The app without tasks, counts and deployments."""
        printed = self._modern(app) if self.generation.has_networks else self._classic(app)
        printed.update(app.overrides)
        return {key: value for key, value in printed.items() if value is not ...}

    def app(self, app: App, with_tasks: bool) -> dict:
        """The app as /v2/apps lists it: with counts and deployments, with tasks if asked for."""
        printed = self.definition(app)
        running = [t for t in app.tasks if t.state == RUNNING]
        printed["tasksStaged"] = sum(t.started_at is None for t in app.tasks)
        printed["tasksRunning"] = len(running)
        checked = running if app.health_checks else []
        printed["tasksHealthy"] = sum(all(v is True for v in t.health) for t in checked)
        printed["tasksUnhealthy"] = sum(any(v is False for v in t.health) for t in checked)
        printed["deployments"] = [{"id": deployment} for deployment in app.deployments]
        if with_tasks:
            printed["tasks"] = [self.task(app, task) for task in app.tasks]
        return printed

    def task(self, app: App, task: Task) -> dict:
        """One task of @app."""
        generation = self.generation
        task_id = generation.task_id(app.safe_path, task.uuid)
        printed = {"id": task_id, "appId": app.id, "host": task.host, "ports": task.ports}
        if generation.has_ip_addresses and (
            task.started_at or generation.writes_empty_task_arrays
        ):
            printed["ipAddresses"] = addresses(task) if task.started_at else []
        if generation.has_slave_id:
            printed["slaveId"] = task.agent
        if generation.has_task_state:
            printed["state"] = task.state
        printed["stagedAt"] = task.staged_at
        if task.started_at or generation.writes_nulls:
            printed["startedAt"] = task.started_at
        printed["version"] = task.version
        results = self._health_results(app, task, task_id)
        if results or generation.writes_empty_task_arrays:
            printed["healthCheckResults"] = results
        if generation.writes_empty_task_arrays:
            printed["servicePorts"] = []
            printed["localVolumes"] = []
        if generation.since(1, 9):
            printed["role"] = "*"
        return printed

    def health_check(self, check: dict) -> dict:
        """A health check with the defaults that this generation writes out."""
        defaults = {
            "gracePeriodSeconds": 300,
            "intervalSeconds": 60,
            "timeoutSeconds": 20,
            "maxConsecutiveFailures": 3,
        }
        printed = {**defaults, **check}
        protocol = printed.setdefault("protocol", "HTTP")
        if protocol in ("HTTP", "HTTPS"):
            printed.setdefault("ignoreHttp1xx", False)
        if self.generation.writes_nulls:
            printed.setdefault("command", None)
            printed.setdefault("path", None)
        elif protocol.startswith("MESOS_"):
            printed.setdefault("delaySeconds", 15)
        return printed

    def _health_results(self, app: App, task: Task, task_id: str) -> list[dict]:
        generation = self.generation
        instance = generation.instance_id(app.safe_path, task.uuid)
        if generation.since(1, 6):
            instance = f"instance [{instance}]"
        results = []
        for alive in task.health:
            if alive is None:
                continue
            result = {
                "alive": alive,
                "consecutiveFailures": 0 if alive else 3,
                "firstSuccess": task.started_at,
                "lastFailure": None if alive else task.started_at,
                "lastSuccess": task.started_at,
            }
            if generation.since(1, 0):
                result["lastFailureCause"] = None if alive else "503 Service Unavailable"
            if not generation.writes_nulls:
                result = {key: value for key, value in result.items() if value is not None}
            if generation.since(1, 4):
                result["instanceId"] = instance
            else:
                result["taskId"] = task_id
            results.append(result)
        return results

    def _common(self, app: App) -> dict:
        return {
            "id": app.id,
            "backoffFactor": 1.15,
            "backoffSeconds": 1,
            "cmd": app.cmd,
            "cpus": 0.1,
            "disk": 0,
            "executor": "",
            "instances": app.instances,
            "maxLaunchDelaySeconds": 3600,
            "mem": 32,
            "requirePorts": app.require_ports,
            "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
            "version": self.app_version(app),
        }

    def _classic(self, app: App) -> dict:
        """Up to 1.4: every key written, null or empty where nothing is set."""
        generation = self.generation
        printed = self._common(app)
        printed.update(
            args=None,
            user=None,
            env={},
            constraints=[],
            uris=[],
            storeUrls=[],
            container=self._classic_container(app),
            healthChecks=[self.health_check(check) for check in app.health_checks],
            dependencies=[],
            labels=app.labels,
            acceptedResourceRoles=None,
            ports=[port.service_port for port in app.ports],
        )
        if generation.since(0, 10):
            printed["versionInfo"] = {
                "lastScalingAt": app.version,
                "lastConfigChangeAt": app.version,
            }
        if generation.has_ip_per_task:
            printed["ipAddress"] = self._ip_address(app)
        if generation.has_port_definitions:
            printed.update(fetch=[], residency=None, secrets={}, readinessChecks=[], gpus=0)
            printed["portDefinitions"] = [self._port_definition(port) for port in app.ports]
        if generation.since(1, 4):
            printed["killSelection"] = "YOUNGEST_FIRST"
            printed["unreachableStrategy"] = {
                "inactiveAfterSeconds": 300,
                "expungeAfterSeconds": 600,
            }
        if printed.get("ipAddress"):
            # No service ports for IP-per-task apps; 1.4 leaves the keys out.
            for key in ("ports", "portDefinitions"):
                printed[key] = ... if generation.since(1, 4) else []
        return printed

    def _classic_container(self, app: App) -> dict | None:
        networks = {"bridge": "BRIDGE", "container": "USER"}
        if app.network not in networks:
            return None
        docker = {
            "image": "example/image:1",
            "network": networks[app.network],
            "portMappings": [self._mapping(app, port) for port in app.ports],
            "privileged": False,
            "parameters": [],
            "forcePullImage": False,
        }
        return {"type": "DOCKER", "volumes": [], "docker": docker}

    def _ip_address(self, app: App) -> dict | None:
        if app.network == "container":
            discovery = []
        elif app.network == "ip-per-task":
            discovery = [
                {"number": port.container_port, "name": port.name or f"port{n}",
                 "protocol": port.protocol, "labels": port.labels}
                for n, port in enumerate(app.ports)
            ]
        else:
            return None
        printed = {"groups": [], "labels": {}, "discovery": {"ports": discovery}}
        if self.generation.since(1, 0):
            printed["networkName"] = app.network_name
        return printed

    def _modern(self, app: App) -> dict:
        """1.5 and newer: empty and unset keys are left out."""
        printed = self._common(app)
        printed.update(
            gpus=0,
            labels=app.labels,
            networks=[self._network(app)],
            killSelection="YOUNGEST_FIRST",
            unreachableStrategy={"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600},
            versionInfo={
                "lastScalingAt": self.app_version(app),
                "lastConfigChangeAt": self.app_version(app),
            },
        )
        container = {"type": "MESOS", "volumes": []}
        if app.network == "host":
            printed["portDefinitions"] = [self._port_definition(port) for port in app.ports]
        else:
            container["portMappings"] = [self._mapping(app, port) for port in app.ports]
        printed["container"] = container
        if app.health_checks:
            printed["healthChecks"] = [self.health_check(check) for check in app.health_checks]
        if self.generation.since(1, 9):
            printed["role"] = "*"
        return printed

    @staticmethod
    def _network(app: App) -> dict:
        if app.network == "container":
            return {"mode": "container", "name": app.network_name}
        return {"mode": "host" if app.network == "host" else "container/bridge"}

    def _mapping(self, app: App, port: Port) -> dict:
        printed = {
            "containerPort": port.container_port,
            "servicePort": port.service_port,
            "protocol": port.protocol,
        }
        if port.host_port is not None or app.network == "bridge":
            printed["hostPort"] = port.host_port or 0
        return self._named(printed, port)

    def _port_definition(self, port: Port) -> dict:
        return self._named({"port": port.service_port, "protocol": port.protocol}, port)

    def _named(self, printed: dict, port: Port) -> dict:
        if self.generation.since(1, 0):
            printed["labels"] = port.labels
            if port.name:
                printed["name"] = port.name
        return printed


class AppJsonCache:
    """Answers about apps as bytes; an app is printed again only after it changed."""

    def __init__(self, writer: JsonWriter) -> None:
        self._writer = writer
        self._printed: dict[tuple[str, bool], bytes] = {}

    def forget(self, app_id: str) -> None:
        self._printed.pop((app_id, False), None)
        self._printed.pop((app_id, True), None)

    def clear(self) -> None:
        self._printed.clear()

    def app(self, app: App, with_tasks: bool) -> bytes:
        key = (app.id, with_tasks)
        printed = self._printed.get(key)
        if printed is None:
            printed = self._printed[key] = dump(self._writer.app(app, with_tasks))
        return printed

    def pod(self, pod: App) -> bytes:
        key = (pod.id, True)
        printed = self._printed.get(key)
        if printed is None:
            status = marathon_pods.pod_status(self._writer.generation, pod)
            printed = self._printed[key] = dump(status)
        return printed

    def app_list(self, apps, with_tasks: bool) -> bytes:
        return b'{"apps":[' + b",".join(self.app(app, with_tasks) for app in apps) + b"]}"


def addresses(task: Task) -> list[dict]:
    """A task's addresses as Marathon prints them."""
    return [
        {"ipAddress": address, "protocol": "IPv6" if ":" in address else "IPv4"}
        for address in task.ip_addresses
    ]


def group_tree(writer: JsonWriter, apps, version: str) -> dict:
    """All definitions as one root group, flat: how heavy deployment plans embed them."""
    return {
        "id": "/",
        "apps": [writer.definition(app) for app in apps],
        "groups": [],
        "dependencies": [],
        "version": version,
    }


def text_tasks(apps) -> bytes:
    """The text/plain form of /v2/tasks."""
    lines = []
    for app in apps:
        running = [task for task in app.tasks if task.state == RUNNING]
        for index, port in enumerate(app.ports):
            columns = [app.safe_path, str(port.service_port)]
            for task in running:
                number = task.ports[index] if index < len(task.ports) else 0
                columns.append(f"{task.host}:{number}")
            lines.append("\t".join(columns) + "\t\n")
        if not app.ports:
            hosts = [task.host for task in running]
            lines.append("\t".join([app.safe_path, " ", *hosts]) + "\t\n")
    return "".join(lines).encode()
