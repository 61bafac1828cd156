# SPDX-License-Identifier: MIT
# What files and API must show for the double's state, worked out apart from mmsd's own code.
"""Expected files and API answers, from the double's apps."""

from __future__ import annotations

from marathon_generation import Generation
from marathon_model import RUNNING, App, Task

_CHECK_PROTOCOLS = {
    "HTTP": "http", "MESOS_HTTP": "http", "HTTPS": "https", "MESOS_HTTPS": "https",
    "TCP": "tcp", "MESOS_TCP": "tcp", "COMMAND": "command",
}


def is_serving(task: Task) -> bool:
    """Running, and every check has reported that it is alive."""
    return task.state == RUNNING and all(task.health)


def endpoint(generation: Generation, app: App, task: Task, index: int) -> tuple[str, int] | None:
    """Where port @index of a task is reached; None if that is unknown."""
    if index >= len(app.ports):
        return None
    port = app.ports[index]
    if app.network == "ip-per-task":
        return task.ip_addresses[0], port.container_port
    if app.network == "container":
        if port.host_port is None or not (generation.has_networks or app.is_pod):
            return task.ip_addresses[0], port.container_port
        index = sum(earlier.host_port is not None for earlier in app.ports[:index])
    return (task.host, task.ports[index]) if index < len(task.ports) else None


def endpoints(generation: Generation, app: App, index: int = 0) -> list[tuple[str, int]]:
    """(host, port) of all serving instances, sorted."""
    found = [endpoint(generation, app, task, index) for task in app.tasks if is_serving(task)]
    return sorted(entry for entry in found if entry)


def lines(generation: Generation, app: App, index: int = 0) -> list[str]:
    """`host:port` of all serving instances, IPv6 in brackets."""
    return [
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for host, port in endpoints(generation, app, index)
    ]


def _check_of(app: App, index: int) -> str | None:
    for check in app.health_checks:
        if check.get("portIndex", 0) == index:
            return check.get("protocol", "HTTP")
    return None


def file_name(app: App, index: int) -> str:
    """The name of the file of one port index, without its suffix."""
    flat = app.id.strip("/").replace("/", ".")
    return f"{flat}-{index}" if index else flat


def files(generation: Generation, apps) -> dict[str, bytes]:
    """All instances files: name → content."""
    expected = {}
    for app in apps:
        for index, port in enumerate(app.ports):
            name = file_name(app, index)
            check = _check_of(app, index)
            labels = {**app.labels, **port.labels}
            default = "udp" if port.protocol == "udp" else "tcp"
            if check in ("HTTP", "MESOS_HTTP"):
                default = "http"
            no_service_port = app.is_pod or app.network == "ip-per-task"
            content = [
                f"Service-Name: {name}",
                f"Service-Port: {0 if no_service_port else port.service_port}",
                f"Service-Transport-Proto: {port.protocol}",
                f"Service-Application-Proto: {labels.get('proto', default)}",
            ]
            if check:
                content.append(f"Health-Check-Proto: {_CHECK_PROTOCOLS[check]}")
            content += ["", *lines(generation, app, index)]
            expected[name + ".instances"] = "".join(f"{line}\n" for line in content).encode()
    return expected
