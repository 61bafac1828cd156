#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_http_connection: short scenes of clients.
"""Usage: make_http_connection_corpus.py FOLDER"""

import sys
from pathlib import Path

(TURN, SECOND, QUARTER_MINUTE, READ, APPLY, REPORT, FINISH, CONNECT, LEAVE) = (
    bytes([order]) for order in range(0xf0, 0xf9))


def get(target: str, fields: str = "", method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


WAIT = get("/v1/apps?wait=10s", "If-None-Match: *\r\n")
# The tags of what the scene answers depend on its content alone.
HOLD = get("/v1/service_ports/b?wait=10s", "If-None-Match: *\r\n")
EVENTS = get("/v1/events")

SCENES = [
    get("/ping") + TURN + READ + get("/v1/apps") * 5 + TURN + READ,
    get("/v1/service_ports/a") + TURN + APPLY + get("/v1/service_ports/a") + TURN,
    WAIT + TURN + APPLY + TURN + READ + WAIT + TURN + QUARTER_MINUTE + READ,
    HOLD + TURN + get("/behind") + TURN + QUARTER_MINUTE + TURN + READ,
    HOLD + TURN + LEAVE + TURN + APPLY,
    HOLD + TURN + FINISH + TURN + APPLY,
    (WAIT + CONNECT) * 6 + APPLY + TURN + READ,
    EVENTS + TURN + READ + (APPLY + TURN) * 4 + READ + LEAVE + TURN + APPLY,
    get("/v1/events?app=/a", "Last-Event-ID: 1-x\r\n") + TURN + APPLY * 3 + QUARTER_MINUTE + READ,
    get("/v1/events", method="HEAD") + TURN + READ,
    EVENTS + TURN + (APPLY * 20 + TURN) * 20 + QUARTER_MINUTE * 3,
    b"GET /slow" + SECOND * 11 + TURN + READ,
    b"GARBAGE\r\n" + TURN + READ + QUARTER_MINUTE,
    (b"GET /half" + CONNECT) * 8 + TURN + get("/ping") + TURN + READ,
    get("/v1/status") * 40 + TURN * 3 + READ * 2 + TURN + REPORT + READ,
    get("/v1/apps", "Connection: close\r\n") + TURN + READ + QUARTER_MINUTE,
    get("/v1/apps", method="POST") + TURN + FINISH + TURN,
    QUARTER_MINUTE * 5 + TURN,
]

folder = Path(sys.argv[1])
for number, content in enumerate(SCENES):
    (folder / f"{number:03}").write_bytes(content)
