# SPDX-License-Identifier: MIT
# One node of the Marathon double: routes, event streams, control endpoints.
"""Serves Marathon's HTTP API over an Operations."""

from __future__ import annotations

import asyncio
import base64
import collections
import json
import ssl

import marathon_http as http
from marathon_events import EventStream
from marathon_generation import Generation
from marathon_http import Request, Response, error_page
from marathon_json import dump, group_tree, text_tasks
from marathon_operations import OPERATIONS, Operations
from marathon_pods import pod_definition

_APP_RESOURCES = {"tasks": "app-tasks", "versions": "app-versions"}
_PLAIN_ENDPOINTS = {
    "/ping": "ping",
    "/v2/apps": "apps",
    "/v2/tasks": "tasks",
    "/v2/leader": "leader",
    "/v2/info": "info",
    "/v2/events": "events",
    "/v2/groups": "groups",
    "/v2/deployments": "deployments",
    "/v2/pods": "pod-definitions",
    "/v2/pods/::status": "pods",
}


class MarathonServer:
    """Serves one node's API from an Operations; runs in the event loop that started it."""

    def __init__(
        self, generation="1.5", hosts=None, heartbeat=10.0, auth=None, tls=None, prefix="",
        standby_for=None, has_leader=True, is_chunked=False, client_ca=None,
    ) -> None:
        """@auth: "user:password" (basic) or "token=…"; @tls: (certificate file, key file).

        @client_ca: file of the CA that must have signed the client's certificate.

        @prefix: path in front of everything; @standby_for: URL of the node that leads, which makes
        this one proxy or redirect.
        """
        self.generation = Generation(generation)
        self.operations = Operations(self.generation, hosts)
        self.requests: list[Request] = []
        self.counters: collections.Counter[str] = collections.Counter()
        self.standby_for = standby_for
        self.has_leader = has_leader
        self.is_chunked = is_chunked
        self.port = 0
        self._heartbeat = heartbeat
        self._auth = auth
        self._tls: ssl.SSLContext | None = None
        self._client_ca = client_ca
        if tls:
            self.use_certificate(*tls)
        self._prefix = prefix.rstrip("/")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}{self._prefix}"

    def use_certificate(self, certificate: str, key: str) -> None:
        """For connections of the next open()."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        if self._client_ca:
            self._tls.load_verify_locations(self._client_ca)
            self._tls.verify_mode = ssl.CERT_REQUIRED

    async def open(self, port: int = 0) -> None:
        """Listens; with 0 on the port it had before, or a free one."""
        self._server = await http.listen(self._serve, "127.0.0.1", port or self.port, self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.operations.leader = self.operations.leader or f"127.0.0.1:{self.port}"

    async def close(self) -> None:
        """Stops listening and ends every connection."""
        if self._server:
            self._server.close()
            self._server = None
        self.operations.bus.close_all()
        for writer in list(self._connections):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self.counters["connections"] += 1
        try:
            while request := await http.read_request(reader):
                address = writer.get_extra_info("peername") or ("", 0)
                request.peer = address[0]
                if not await self._answer(reader, writer, request):
                    break
        except ConnectionError:
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    def _endpoint(self, request: Request) -> tuple[str, str]:
        """@return the endpoint's name and the app id or operation in the path"""
        if not request.path.startswith(self._prefix + "/"):
            return "unknown", ""
        path = request.path[len(self._prefix) :]
        if path.startswith("/_control/"):
            return "control", path.removeprefix("/_control/")
        plain = path.rstrip("/") or "/"
        if plain in _PLAIN_ENDPOINTS:
            return _PLAIN_ENDPOINTS[plain], ""
        if plain.startswith("/v2/pods/") and plain.endswith("::status"):
            return "pod", "/" + plain.removeprefix("/v2/pods/").removesuffix("::status").strip("/")
        if plain.startswith("/v2/apps/"):
            app_id = "/" + plain.removeprefix("/v2/apps/").strip("/")
            parent, _, last = app_id.rpartition("/")
            if parent and last in _APP_RESOURCES:
                return _APP_RESOURCES[last], parent
            return "app", app_id
        return "unknown", ""

    async def _answer(self, reader, writer, request: Request) -> bool:
        endpoint, name = self._endpoint(request)
        if endpoint == "control":
            return await http.send(writer, request, await self._control(request, name))
        self.requests.append(request)
        self.counters[endpoint] += 1
        fault = self.operations.faults.take(endpoint)
        is_stream_fault = endpoint == "events" and fault and fault.kind in ("silent", "close")
        response = self._refusal(request)
        if response is None and self.standby_for is not None:
            if endpoint == "events" and self.generation.redirects_events:
                location = self.standby_for + request.target
                response = Response(b"", 302, headers={"Location": location})
            else:
                await http.tunnel(reader, writer, request, self.standby_for)
                return False
        if response is None and endpoint == "events":
            response = self._check_stream(request)
            if response is None and (fault is None or is_stream_fault):
                await self._stream(reader, writer, request, fault)
                return False
            response = response or Response(b"", content_type="text/event-stream")
        if response is None:
            response = getattr(self, "_get_" + endpoint.replace("-", "_"))(request, name)
            response.headers["X-Marathon-Leader"] = f"http://{self.operations.leader}"
        response.is_chunked = response.is_chunked or self.is_chunked
        if fault and not is_stream_fault:
            return await http.send_faulty(reader, writer, request, response, fault)
        keeps_alive = await http.send(writer, request, response)
        self.counters["bodyOctets"] += response.sent
        return keeps_alive

    def _refusal(self, request: Request) -> Response | None:
        """What is answered before the request is looked at: no leader, no credentials."""
        if not self.has_leader:
            text = "Could not determine the current leader"
            return error_page(self.generation.no_leader_status, text)
        if self._auth:
            wanted = self._auth
            if not wanted.startswith("token="):
                wanted = "Basic " + base64.b64encode(wanted.encode()).decode()
            if request.headers.get("authorization") != wanted:
                refused = error_page(401)
                refused.headers["WWW-Authenticate"] = 'Basic realm="Mesosphere"'
                return refused
        return None

    # The event stream

    def _check_stream(self, request: Request) -> Response | None:
        if not self.generation.has_event_stream:
            return self._not_found(request)
        if request.headers.get("accept") != "text/event-stream":
            return error_page(405)
        return None

    async def _stream(self, reader, writer, request: Request, fault) -> None:
        start = Response(b"", content_type="text/event-stream;charset=UTF-8")
        # No await until the stream is known: who has seen the 200 misses no event.
        writer.write(http.head(start, {"Connection": "close"}))
        if fault and fault.kind == "close":
            await writer.drain()
            return
        bus = self.operations.bus
        names = request.query.get("event_type", []) if self.generation.honours_event_type else []
        light = self.generation.is_plan_light("light" in request.query.get("plan-format", []))
        stream = EventStream(writer, names, light, self.generation, self._heartbeat)
        stream.is_silent = bool(fault)
        bus.streams.append(stream)
        bus.publish(self.operations.events.attached(request.peer))
        pump = asyncio.ensure_future(stream.run())
        ended = asyncio.ensure_future(http.wait_for_end(reader))
        await asyncio.wait({pump, ended}, return_when=asyncio.FIRST_COMPLETED)
        stream.close()
        ended.cancel()
        await asyncio.wait({pump, ended})
        if stream in bus.streams:
            bus.streams.remove(stream)
        bus.publish(self.operations.events.detached(request.peer))

    # Plain answers; each takes the request and the app id of the path

    def _json(self, body: bytes, status: int = 200) -> Response:
        return Response(body, status, may_compress=self.generation.has_gzip and status == 200)

    def _no_app(self, app_id: str) -> Response:
        return self._json(dump({"message": f"App '{app_id}' does not exist"}), 404)

    def _not_found(self, _request=None) -> Response:
        body = dump({"message": "URI not found"})
        return self._json(body, self.generation.unknown_uri_status)

    def _get_unknown(self, request: Request, _name: str) -> Response:
        return self._not_found(request)

    def _get_ping(self, _request: Request, _name: str) -> Response:
        return Response(b"pong", content_type="text/plain")

    def _get_apps(self, request: Request, _name: str) -> Response:
        operations = self.operations
        embeds = {entry.removeprefix("apps.") for entry in request.query.get("embed", [])}
        embeds = {entry.removeprefix("app.") for entry in embeds}
        apps = operations.plain_apps()
        for key in ("id", "cmd"):
            for part in request.query.get(key, []):
                apps = [app for app in apps if part.lower() in getattr(app, key).lower()]
        with_tasks = bool(embeds & {"tasks", "failures"})
        return self._json(operations.cache.app_list(apps, with_tasks))

    def _get_app(self, _request: Request, app_id: str) -> Response:
        operations = self.operations
        if app_id.endswith("/*"):
            group = app_id[:-1]
            apps = [app for app in operations.plain_apps() if app.id.startswith(group)]
            body = operations.cache.app_list(apps, True)
            return self._json(b'{"*"' + body.removeprefix(b'{"apps"'))
        app = operations.apps.get(app_id)
        if app is None or app.is_pod:
            return self._no_app(app_id)
        return self._json(b'{"app":' + operations.cache.app(app, True) + b"}")

    def _get_app_tasks(self, _request: Request, app_id: str) -> Response:
        app = self.operations.apps.get(app_id)
        if app is None or app.is_pod:
            return self._no_app(app_id)
        tasks = [self.operations.writer.task(app, task) for task in app.tasks]
        return self._json(dump({"tasks": tasks}))

    def _get_app_versions(self, _request: Request, app_id: str) -> Response:
        app = self.operations.apps.get(app_id)
        return self._json(dump({"versions": [app.version]})) if app else self._no_app(app_id)

    def _get_tasks(self, request: Request, _name: str) -> Response:
        operations = self.operations
        if request.headers.get("accept", "").startswith("text/plain"):
            if not self.generation.has_text_tasks:
                return error_page(406)
            return Response(text_tasks(operations.plain_apps()), content_type="text/plain")
        tasks = []
        for app in operations.plain_apps():
            service_ports = [port.service_port for port in app.ports]
            for task in app.tasks:
                printed = operations.writer.task(app, task)
                tasks.append({**printed, "servicePorts": service_ports})
        return self._json(dump({"tasks": tasks}))

    def _get_leader(self, _request: Request, _name: str) -> Response:
        return self._json(dump({"leader": self.operations.leader}))

    def _get_info(self, _request: Request, _name: str) -> Response:
        generation = self.generation
        info = {
            "name": "marathon",
            "version": generation.version,
            "frameworkId": "20150714-191408-4163031306-5050-1590-0000",
            "leader": self.operations.leader,
            "marathon_config": {"master": "zk://zk.example.com:2181/mesos", "ha": True},
            "zookeeper_config": {"zk": "zk://zk.example.com:2181/marathon"},
            "http_config": {"http_port": self.port, "https_port": 8443},
        }
        if generation.since(0, 9):
            info["elected"] = self.standby_for is None
        if generation.since(1, 5):
            info["buildref"] = "unknown"
        else:
            info["event_subscriber"] = None
        return self._json(dump(info))

    def _get_groups(self, _request: Request, _name: str) -> Response:
        operations = self.operations
        version = max((app.version for app in operations.apps.values()), default="")
        return self._json(dump(group_tree(operations.writer, operations.plain_apps(), version)))

    def _get_deployments(self, _request: Request, _name: str) -> Response:
        running = [
            {"id": deployment, "affectedApps": [app.id]}
            for app in self.operations.apps.values()
            for deployment in app.deployments
        ]
        return self._json(dump(running))

    def _get_pods(self, request: Request, _name: str) -> Response:
        if not self.generation.has_pods:
            return self._not_found(request)
        operations = self.operations
        return self._json(
            b"[" + b",".join(operations.cache.pod(pod) for pod in operations.pods()) + b"]"
        )

    def _get_pod_definitions(self, request: Request, _name: str) -> Response:
        if not self.generation.has_pods:
            return self._not_found(request)
        return self._json(dump([pod_definition(pod) for pod in self.operations.pods()]))

    def _get_pod(self, request: Request, pod_id: str) -> Response:
        if not self.generation.has_pods:
            return self._not_found(request)
        pod = self.operations.apps.get(pod_id)
        if pod is None or not pod.is_pod:
            return self._json(dump({"message": f"Pod '{pod_id}' does not exist"}), 404)
        return self._json(self.operations.cache.pod(pod))

    # Control

    async def _control(self, request: Request, name: str) -> Response:
        try:
            arguments = json.loads(request.body or b"{}")
            if name == "requests":
                log = [{"method": r.method, "target": r.target, "at": r.at} for r in self.requests]
                return Response(dump(log))
            if name == "counters":
                streams = len(self.operations.bus.streams)
                return Response(dump({**self.counters, "openStreams": streams}))
            if name not in OPERATIONS:
                return Response(dump({"message": f"no operation {name!r}"}), 404)
            result = await OPERATIONS[name](self.operations, **arguments)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            return Response(dump({"message": f"{type(error).__name__}: {error}"}), 400)
        return Response(dump(result))
