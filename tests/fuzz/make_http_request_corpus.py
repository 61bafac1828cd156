#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_http_request: one file per kind of request.
"""Usage: make_http_request_corpus.py FOLDER"""

import sys
from pathlib import Path

HOST = b"Host: x\r\n"
TARGETS = ["/", "/ping", "/v1/apps", "/v1/instances/a/b?portIndex=0:1&noresolve=1&withid=1",
           "/v1/instances//a/b?portIndex=1:", "/v1/instances/%2Fa%2fb", "/v1/service_ports/a/b",
           "/v1/status", "/v1/events?app=/a", "/v1/apps?wait=30s", "/v1/instances/a%", "*",
           "http://host:80/v1/apps", "https://host?x", "host:443", "/v1/apps#x", "/%00"]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "CONNECT", "get", "G(T"]
FIELDS = [b"Accept: application/json, */*;q=0.1\r\n", b"Accept: */*;q=0\r\n",
          b"If-None-Match: \"0123456789abcdef\", W/\"x,y\"\r\n", b"If-None-Match: *\r\n",
          b"Last-Event-ID: 7-x\r\n", b"Connection: close\r\n", b"Connection: keep-alive, x\r\n",
          b"Content-Length: 3\r\n", b"Content-Length: 3\r\nContent-Length: 4\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b" folded\r\n",
          b"No colon\r\n", b"Name : x\r\n", b"X: \x01\r\n", b"X: \xff\r\n", b"Host: y\r\n"]
BODIES = [b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
          b"ffffffffffffffff\r\n", b"2\r\nabc\r\n"]


def inputs():
    for method in METHODS:
        for target in TARGETS:
            yield f"{method} {target} HTTP/1.1\r\n".encode() + HOST + b"\r\n"
    for field in FIELDS:
        for body in (b"", *BODIES):
            yield b"GET /v1/apps HTTP/1.1\r\n" + HOST + field + b"\r\n" + body
    for version in ("HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/9", "http/1.1", ""):
        yield f"GET /ping {version}\r\n\r\n".encode()
    yield b"GET /ping HTTP/1.1\r\n" + HOST + b"\r\n" + b"HEAD /ping HTTP/1.1\nHost:\n\n" * 3
    yield b"\r\n\r\nGET /ping HTTP/1.1\r\n" + HOST + b"\r\n"
    yield b"\r\n\r\n\r\n\r\n"
    yield b"GET /" + b"x" * 8200 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    yield b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 70 + b"\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of TLS


folder = Path(sys.argv[1])
for number, content in enumerate(inputs()):
    (folder / f"{number:03}").write_bytes(content)
