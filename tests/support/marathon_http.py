# SPDX-License-Identifier: MIT
# HTTP/1.1 for the Marathon double: requests, answers, and the ways in which answers fail.
"""A small HTTP server on asyncio whose answers can be made wrong on purpose."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus

from marathon_faults import Fault

_NO_CACHE = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
}
_MAX_HEADER_BYTES = 64 * 1024


@dataclass
class Request:
    """One request, as far as the double cares."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    peer: str = ""
    path: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)
    at: float = field(default_factory=time.monotonic)

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


@dataclass
class Response:
    """One answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    may_compress: bool = False
    is_chunked: bool = False
    sent: int = 0  # octets of the body on the wire, once it was sent whole


def error_page(status: int, text: str = "") -> Response:
    """An error as Jetty writes it."""
    reason = text or HTTPStatus(status).phrase
    page = (
        f"<html>\n<head><title>Error {status} {reason}</title></head>\n"
        f"<body><h2>HTTP ERROR {status}</h2><p>Reason:\n<pre>    {reason}</pre></p></body>\n"
        "</html>\n"
    )
    return Response(page.encode(), status, "text/html;charset=iso-8859-1")


def head(response: Response, extra: dict[str, str]) -> bytes:
    """Status line and header fields."""
    fields = {**_NO_CACHE, "Content-Type": response.content_type, **response.headers, **extra}
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Reads one request. @return None at the end of the connection or on a malformed one"""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, separator, value = line.partition(":")
            if separator:
                headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        return None
    request = Request(method, target, headers, body)
    path, _, query = target.partition("?")
    request.path = urllib.parse.unquote(path)
    request.query = urllib.parse.parse_qs(query, keep_blank_values=True)
    return request


async def wait_for_end(reader: asyncio.StreamReader) -> None:
    """Waits until the peer has closed its side."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def compress(body: bytes) -> bytes:
    """gzip, in a thread: big bodies must not hold up the event streams."""
    def run() -> bytes:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(body) + packer.flush()

    return await asyncio.to_thread(run)


async def send(writer: asyncio.StreamWriter, request: Request, response: Response) -> bool:
    """Sends a whole answer. @return whether the connection can be used again"""
    body = response.body
    extra = {}
    if response.may_compress and "gzip" in request.headers.get("accept-encoding", ""):
        body = await compress(body)
        extra["Content-Encoding"] = "gzip"
        extra["Vary"] = "Accept-Encoding"
    if not request.keeps_alive:
        extra["Connection"] = "close"
    if response.is_chunked and request.method != "HEAD":
        writer.write(head(response, {**extra, "Transfer-Encoding": "chunked"}))
        for start in range(0, len(body), 65536):
            part = body[start : start + 65536]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        writer.write(b"0\r\n\r\n")
    else:
        writer.write(head(response, {**extra, "Content-Length": str(len(body))}))
        if request.method != "HEAD":
            writer.write(body)
    await writer.drain()
    response.sent = len(body)
    return request.keeps_alive


async def send_faulty(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: Request,
    response: Response,
    fault: Fault,
) -> bool:
    """Sends an answer the way @fault wants it. @return whether the connection lives on"""
    length = {"Content-Length": str(len(response.body))}
    half = response.body[: len(response.body) // 2]
    if fault.kind == "status":
        return await send(writer, request, error_page(fault.code))
    replaced = {
        "garbage": b'<<<{"apps": [this is no JSON',
        "no-apps": b'{"message":"the answer of something else"}',
        "empty-list": b'{"apps":[]}',
        "empty": b"",
    }
    if fault.kind in replaced:
        return await send(writer, request, Response(replaced[fault.kind]))
    if fault.kind == "redirect":
        moved = Response(b"", 302, headers={"Location": fault.location})
        return await send(writer, request, moved)
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return await send(writer, request, response)
    if fault.kind == "reset":
        reset(writer)
    elif fault.kind == "hang":
        await wait_for_end(reader)
    elif fault.kind in ("truncate", "hang-within"):
        writer.write(head(response, length) + half)
        await writer.drain()
        if fault.kind == "hang-within":
            await wait_for_end(reader)
    elif fault.kind == "chunk-cut":
        writer.write(head(response, {"Transfer-Encoding": "chunked"}))
        writer.write(b"%x\r\n%b" % (len(response.body), half))
        await writer.drain()
    elif fault.kind == "slow":
        await _send_slowly(writer, response, length, fault.rate)
        return request.keeps_alive
    return False


async def _send_slowly(writer, response: Response, length: dict, rate: int) -> None:
    writer.write(head(response, length))
    step = max(1, rate // 20)
    for start in range(0, len(response.body), step):
        writer.write(response.body[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / rate)


async def tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, to: str
) -> None:
    """Plays the proxying standby: sends @request to the node at URL @to, streams its answer back."""
    target = urllib.parse.urlsplit(to)
    upstream_reader, upstream = await asyncio.open_connection(target.hostname, target.port)
    skipped = ("connection", "host")
    fields = [f"{k}: {v}" for k, v in request.headers.items() if k not in skipped]
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {target.netloc}"]
    upstream.write(
        "\r\n".join([*lines, *fields, "Connection: close", "", ""]).encode() + request.body
    )
    ended = asyncio.ensure_future(wait_for_end(reader))
    try:
        while not ended.done():
            read = asyncio.ensure_future(upstream_reader.read(65536))
            await asyncio.wait({read, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not read.done():
                read.cancel()
                break
            data = read.result()
            if not data:
                break
            writer.write(data)
            await writer.drain()
    finally:
        ended.cancel()
        upstream.close()


async def listen(handler, host: str, port: int, tls=None) -> asyncio.Server:
    """Listens on a free port (0) or @port."""
    return await asyncio.start_server(
        handler, host, port, ssl=tls, limit=_MAX_HEADER_BYTES, backlog=512, reuse_address=True
    )
