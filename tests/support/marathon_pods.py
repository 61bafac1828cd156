# SPDX-License-Identifier: MIT
# How Marathon prints the pods of the double: definitions and statuses.
"""JSON of pods (1.4 and newer), from the same App and Task values as apps."""

from __future__ import annotations

from marathon_generation import Generation
from marathon_model import RUNNING, App, Task, trimmed

_ENDPOINTS_PER_CONTAINER = 2
_STABLE = {RUNNING: "STABLE", "TASK_STAGING": "STAGING", "TASK_STARTING": "STAGING"}


def container_of(index: int) -> str:
    """The container that endpoint @index belongs to."""
    return f"container-{index // _ENDPOINTS_PER_CONTAINER + 1}"


def containers_of(app: App) -> list[str]:
    """All containers; a pod has one at least."""
    return sorted({container_of(index) for index in range(max(1, len(app.ports)))})


def endpoint_name(app: App, index: int) -> str:
    return app.ports[index].name or f"port{index}"


def _checks(app: App, container: str) -> list[int]:
    return [
        number for number, check in enumerate(app.health_checks)
        if container_of(check.get("portIndex", 0)) == container
    ]


def _spec_endpoint(app: App, index: int) -> dict:
    port = app.ports[index]
    printed = {
        "name": endpoint_name(app, index),
        "protocol": port.protocol.split(","),
        "labels": port.labels,
    }
    if app.network != "host":
        printed["containerPort"] = port.container_port
    if port.host_port is not None:
        printed["hostPort"] = port.host_port
    return printed


def _spec_container(app: App, name: str) -> dict:
    indices = [index for index in range(len(app.ports)) if container_of(index) == name]
    printed = {
        "name": name,
        "resources": {"cpus": 0.1, "mem": 32, "disk": 0, "gpus": 0},
        "endpoints": [_spec_endpoint(app, index) for index in indices],
    }
    for number in _checks(app, name):
        check = app.health_checks[number]
        printed["healthCheck"] = {
            "http": {
                "endpoint": endpoint_name(app, check.get("portIndex", 0)),
                "path": check.get("path", "/"),
                "scheme": "HTTP",
            },
            "gracePeriodSeconds": check.get("gracePeriodSeconds", 300),
            "intervalSeconds": 60,
            "maxConsecutiveFailures": 3,
            "timeoutSeconds": 20,
        }
    return printed


def pod_definition(app: App) -> dict:
    """The spec of a pod."""
    modes = {"host": "host", "bridge": "container/bridge", "container": "container"}
    network = {"mode": modes[app.network]}
    if app.network == "container":
        network["name"] = app.network_name
    return {
        "id": app.id,
        "labels": app.labels,
        "version": trimmed(app.version),
        "environment": {},
        "containers": [_spec_container(app, name) for name in containers_of(app)],
        "networks": [network],
        "scaling": {"kind": "fixed", "instances": app.instances},
        "scheduling": {
            "unreachableStrategy": {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}
        },
    }


def pod_instance_id(app: App, task: Task) -> str:
    return f"{app.safe_path}.instance-{task.uuid}"


def _container_status(app: App, task: Task, name: str, instance: str) -> dict:
    allocated = {}
    wanted = [index for index, port in enumerate(app.ports) if port.host_port is not None]
    for index, number in zip(wanted, task.ports):
        allocated[index] = number
    endpoints = []
    for index in range(len(app.ports)):
        if container_of(index) != name:
            continue
        endpoint = {"name": endpoint_name(app, index)}
        if index in allocated:
            endpoint["allocatedHostPort"] = allocated[index]
        endpoints.append(endpoint)
    conditions = []
    for number in _checks(app, name):
        if number < len(task.health) and task.health[number] is not None:
            alive = task.health[number]
            conditions.append({"name": "healthy", "value": str(alive).lower(),
                               "lastUpdated": task.staged_at, "lastChanged": task.staged_at})
            for endpoint in endpoints:
                endpoint["healthy"] = alive
    return {
        "name": name,
        "status": task.state,
        "statusSince": task.started_at or task.staged_at,
        "conditions": conditions,
        "containerId": f"{instance}.{name}",
        # Not in the order of the spec, as in real answers: those with host ports come first.
        "endpoints": sorted(endpoints, key=lambda each: "allocatedHostPort" not in each)[::-1],
    }


def pod_status(generation: Generation, app: App) -> dict:
    """The PodStatus of a pod."""
    instances = []
    for task in app.tasks:
        instance = pod_instance_id(app, task)
        network = {"addresses": task.ip_addresses if task.started_at else []}
        if app.network == "container":
            network["name"] = app.network_name
        printed = {
            "id": instance,
            "status": _STABLE.get(task.state, "DEGRADED"),
            "statusSince": task.started_at or task.staged_at,
            "conditions": [],
            "agentHostname": task.host,
            "agentId": task.agent,
            "networks": [network],
            "containers": [
                _container_status(app, task, name, instance) for name in containers_of(app)[::-1]
            ],
            "specReference": f"/v2/pods{app.id}::versions/{task.version}",
        }
        if generation.since(1, 9):
            printed["role"] = "*"
        instances.append(printed)
    is_stable = all(each["status"] == "STABLE" for each in instances)
    return {
        "id": app.id,
        "spec": pod_definition(app),
        "status": "STABLE" if is_stable and len(instances) == app.instances else "DEGRADED",
        "statusSince": app.version,
        "instances": instances,
        "terminationHistory": [],
        "lastUpdated": app.version,
        "lastChanged": app.version,
    }
