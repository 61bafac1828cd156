# SPDX-License-Identifier: MIT
# Apps and tasks of the Marathon double as plain values, independent of any generation.
"""The double's state: what exists, not how a release prints it."""

from __future__ import annotations

import datetime
import itertools
import uuid
from dataclasses import dataclass, field

_NAMESPACE = uuid.UUID("6d6d7364-0000-4000-8000-000000000000")
_FIRST_HOST_PORT = 31000
_HOST_PORTS = 1000
NETWORKS = ("host", "bridge", "container", "ip-per-task")
RUNNING = "TASK_RUNNING"


def timestamp() -> str:
    """Now, as Marathon prints it in events and tasks."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def trimmed(version: str) -> str:
    """A version without trailing zeros of its fraction, as RAML writers print it."""
    head, _, fraction = version.rstrip("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{head}.{fraction}Z" if fraction else f"{head}Z"


@dataclass
class Port:
    """One port index of an app."""

    service_port: int
    container_port: int = 8080
    host_port: int | None = 0  # None: no hostPort (container networks only)
    protocol: str = "tcp"
    name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Task:
    """One task of an app; `health` has one verdict per health check, None = not reported yet."""

    uuid: str
    host: str
    agent: str
    ports: list[int]
    ip_addresses: list[str]
    version: str
    health: list[bool | None]
    state: str = "TASK_STAGING"
    staged_at: str = field(default_factory=timestamp)
    started_at: str | None = None


@dataclass
class App:
    """An app (or pod) definition and its tasks."""

    id: str
    ports: list[Port]
    network: str = "host"
    instances: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    health_checks: list[dict] = field(default_factory=list)
    require_ports: bool = False
    network_name: str = "dcos"
    cmd: str = "sleep 1d"
    version: str = field(default_factory=timestamp)
    tasks: list[Task] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)
    overrides: dict = field(default_factory=dict)  # keys laid over the printed definition
    is_pod: bool = False  # ports are its endpoints, tasks its instances

    @property
    def safe_path(self) -> str:
        return self.id.strip("/").replace("/", "_")

    @property
    def group(self) -> str:
        return self.id.rsplit("/", 1)[0] or "/"


class Placement:
    """Hands out task ids, agents and host ports, the same ones in the same order each time."""

    def __init__(self, hosts: list[str] | None = None, agents: int = 250) -> None:
        """@hosts names the agents; else @agents addresses from 10.0.0.1 on are used."""
        self._hosts = hosts or [
            f"10.{n // 62500 % 250}.{n // 250 % 250}.{n % 250 + 1}" for n in range(agents)
        ]
        self._next_host = itertools.count()
        self._next_port = {}
        self._next_task = itertools.count(1)

    def new_uuid(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, str(next(self._next_task))))

    def place(self, app: App, host: str | None = None) -> Task:
        """Makes a staging task for @app on the next agent (or on @host)."""
        number = next(self._next_host) % len(self._hosts)
        name = host or self._hosts[number]
        wanted = [p for p in app.ports if p.host_port is not None]
        if app.network == "ip-per-task":
            wanted = []
        ports = []
        for port in wanted:
            if app.network == "host" and app.require_ports:
                ports.append(port.service_port)
                continue
            offset = self._next_port.get(name, 0)
            self._next_port[name] = offset + 1
            ports.append(port.host_port or _FIRST_HOST_PORT + offset % _HOST_PORTS)
        serial = next(self._next_task)
        low = f"{serial // 250 % 250}.{serial % 250 + 1}"
        address = {
            "host": name,
            "bridge": f"172.17.{low}",
            "container": f"9.0.{low}",
            "ip-per-task": f"9.1.{low}",
        }[app.network]
        return Task(
            uuid=self.new_uuid(),
            host=name,
            agent=f"145f052d-8bcb-457f-b1e6-b1b4e2cdf787-S{number}",
            ports=ports,
            ip_addresses=[address],
            version=app.version,
            health=[None] * len(app.health_checks),
        )


def start(task: Task) -> None:
    """Moves a task to TASK_RUNNING."""
    task.state = RUNNING
    task.started_at = task.started_at or timestamp()


def make_ports(ports: int | list, first_service_port: int) -> list[Port]:
    """Ports from a number of them, or from a list of Port, dicts and service port numbers."""
    if isinstance(ports, int):
        return [Port(first_service_port + n, container_port=8080 + n) for n in range(ports)]
    made = []
    for entry in ports:
        if isinstance(entry, Port):
            made.append(entry)
        elif isinstance(entry, dict):
            made.append(Port(**{"service_port": first_service_port + len(made), **entry}))
        else:
            made.append(Port(int(entry)))
    return made


def http_check(**changes) -> dict:
    """A Marathon HTTP health check on port index 0, with @changes laid over it."""
    check = {
        "protocol": "HTTP",
        "path": "/health",
        "portIndex": 0,
        "gracePeriodSeconds": 300,
        "intervalSeconds": 60,
        "timeoutSeconds": 20,
        "maxConsecutiveFailures": 3,
    }
    return {**check, **changes}
