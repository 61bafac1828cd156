# SPDX-License-Identifier: MIT
# Writes snapshots as protocol frames, to drive one worker without a watcher.
"""Frames and snapshots of the protocol, version 3, written independently of the C++ codecs."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

PROTOCOL_VERSION = 3
HEADER = struct.Struct("<IHHQ")
_MAX_PAYLOAD = 65536
_MASK = (1 << 64) - 1

HELLO, READY, PING, PONG, REAPPLY, SET_LOG_LEVEL, SHUTDOWN = range(1, 8)
(
    SNAPSHOT_BEGIN,
    SNAPSHOT_APP,
    SNAPSHOT_INSTANCES,
    SNAPSHOT_END,
    SNAPSHOT_APPLIED,
    SNAPSHOT_REMOVED,
    SNAPSHOT_TARGET,
) = range(16, 23)
STATUS = 32

RUNNING, KILLING = 2, 3
NO_CHECKS = 0
SERVING, DRAINING, NOT_RUNNING = 0, 3, 4


@dataclass
class Port:
    """One port index of an app."""

    service_port: int
    transport: str = "udp"
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class Instance:
    """A task; one address, one port number per port index."""

    address: str
    ports: list[int]
    serving: int = SERVING
    task_id: str = ""


@dataclass
class App:
    """An app as the watcher would have it."""

    id: str
    ports: list[Port]
    instances: list[Instance]
    labels: dict[str, str] = field(default_factory=dict)
    version: str = "2026-01-01T00:00:00.000Z"


def frame(kind: int, payload: bytes = b"", generation: int = 0) -> bytes:
    """A header and its payload."""
    return HEADER.pack(len(payload), kind, 0, generation) + payload


def string(text: str) -> bytes:
    """A string on the wire."""
    octets = text.encode()
    return struct.pack("<H", len(octets)) + octets


def hello(process: str, roles: list[tuple[int, str]], log_level: int = 2) -> bytes:
    """The payload of the first message to a process."""
    sockets = b"".join(struct.pack("<B", fd) + string(role) for fd, role in roles)
    return (
        struct.pack("<I", PROTOCOL_VERSION)
        + string(process)
        + struct.pack("<BQI", log_level, 0, len(roles))
        + sockets
    )


def _labels(labels: dict[str, str]) -> bytes:
    pairs = sorted(labels.items(), key=lambda pair: pair[0].encode())
    return struct.pack("<I", len(pairs)) + b"".join(string(k) + string(v) for k, v in pairs)


def _app(app: App) -> bytes:
    ports = b"".join(
        struct.pack("<H", port.service_port)
        + string(port.name)
        + struct.pack("<BB", "tcp" in port.transport, "udp" in port.transport)
        + _labels(port.labels)
        + b"\0"
        for port in app.ports
    )
    return (
        string(app.id)
        + string(app.version)
        + b"\0"
        + struct.pack("<I", len(app.instances))
        + _labels(app.labels)
        + struct.pack("<I", len(app.ports))
        + ports
        + struct.pack("<I", 0)
    )


def _instance(number: int, instance: Instance) -> bytes:
    address = ipaddress.ip_address(instance.address)
    state = KILLING if instance.serving == DRAINING else RUNNING
    return (
        string(instance.task_id or f"task.{number}")
        + string("agent")
        + string(instance.address)
        + struct.pack("<IB", 1, address.version)
        + address.packed
        + struct.pack("<I", 0)
        + struct.pack("<BBB", state, NO_CHECKS, instance.serving)
        + struct.pack("<I", len(instance.ports))
        + b"".join(struct.pack("<HB", port, 0) for port in instance.ports)
    )


def _instances(app: App) -> list[bytes]:
    payloads: list[bytes] = []
    body, count = b"", 0
    for number, instance in enumerate(app.instances):
        encoded = _instance(number, instance)
        if 4 + len(body) + len(encoded) > _MAX_PAYLOAD:
            payloads.append(struct.pack("<I", count) + body)
            body, count = b"", 0
        body, count = body + encoded, count + 1
    if count:
        payloads.append(struct.pack("<I", count) + body)
    return payloads


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _mix(value: int, word: int) -> int:
    word = word * 0x87C37B91114253D5 & _MASK
    word = _rotate(word, 31) * 0x4CF5AD432745937F & _MASK
    return (_rotate(value ^ word, 27) * 5 + 0x52DCE729) & _MASK


def _finish(value: int) -> int:
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD & _MASK
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)


def checksum(payloads: list[bytes]) -> int:
    """What SnapshotEnd carries."""
    total = 0
    for payload in payloads:
        digest = len(payload)
        for start in range(0, len(payload), 8):
            digest = _mix(digest, int.from_bytes(payload[start : start + 8], "little"))
        total = _finish(_mix(total, _finish(digest)))
    return total


def _frames_of(app: App) -> list[tuple[int, bytes]]:
    return [(SNAPSHOT_APP, _app(app))] + [(SNAPSHOT_INSTANCES, each) for each in _instances(app)]


def snapshot(generation: int, apps: list[App], base: int = 0, before: list[App] | None = None) -> bytes:
    """A target and the transaction that leads there.

    @param base    generation of the state that it changes; 0 = it brings the whole state
    @param before  the apps of that state
    """
    known = {app.id: _frames_of(app) for app in before or []}
    wanted = {app.id: _frames_of(app) for app in apps}
    body: list[tuple[int, bytes]] = []
    apps_sent: set[str] = set()
    for name in sorted(known.keys() | wanted.keys(), key=str.encode):
        if name not in wanted:
            body.append((SNAPSHOT_REMOVED, string(name)))
        elif wanted[name] != known.get(name):
            body += wanted[name]
            apps_sent.add(name)
    payloads = [payload for _, payload in body]
    counts = struct.pack(
        "<IIQ",
        len(apps_sent),
        sum(len(app.instances) for app in apps if app.id in apps_sent),
        sum(map(len, payloads)),
    )
    begin = struct.pack("<IQ", PROTOCOL_VERSION, base) + counts
    begin += struct.pack("<Q", 0) + string("test")
    state = sum(checksum([payload for _, payload in each]) for each in wanted.values()) & _MASK
    end = counts + struct.pack("<Q", checksum(payloads))
    end += struct.pack("<IIQ", len(apps), sum(len(app.instances) for app in apps), state)
    frames = [(SNAPSHOT_TARGET, b""), (SNAPSHOT_BEGIN, begin), *body, (SNAPSHOT_END, end)]
    return b"".join(frame(kind, payload, generation) for kind, payload in frames)
