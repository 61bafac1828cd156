# SPDX-License-Identifier: MIT
# A Marathon and apps that are really there, on a host that mmsd is to serve them on.
"""What the host tests let mmsd serve."""

from __future__ import annotations

import urllib.request

from haproxy_traffic import Backends
from marathon_double import MarathonDouble


class Cluster:
    """A Marathon on a host, with an HTTP app and an echoing one that are really there."""

    def __init__(self, host, backends: Backends) -> None:
        """@param host has run(), which runs a command there"""
        self.host = host
        self.marathon = MarathonDouble("1.8", port=8080, hosts=["127.0.0.1"])
        self._backends = backends
        self.marathon.add_app("/shop/web", instances=0, network="bridge",
                              ports=[{"service_port": 10080, "container_port": 80}],
                              labels={"proto": "http", "lb-vhost": "web.test"})
        self.marathon.add_app("/shop/echo", instances=0, network="bridge",
                              ports=[{"service_port": 10081, "container_port": 7}])
        for _ in backends.http:
            self._grow("/shop/web", backends.http)
        self._grow("/shop/echo", backends.echo)

    def _grow(self, app_id: str, ports: list[int]) -> None:
        app = self.marathon.server.operations.apps[app_id]
        app.ports[0].host_port = ports[len(app.tasks)]
        self.marathon.scale(app_id, len(app.tasks) + 1)

    def get(self, port: int, path: str = "/", host: str = "any") -> str | None:
        """The body of a 200 answer on that port of the host, else None."""
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode() if answer.status == 200 else None
        except OSError:
            return None

    def is_served(self) -> bool:
        """True if the web app answers through HAProxy, by port and by name, and by file and API."""
        wanted = {str(port) for port in self._backends.http}
        return (self.get(10080) in wanted and self.get(80, host="web.test") in wanted
                and (self.get(8082, "/v1/instances/shop/web") or "").count("\n") == len(wanted)
                and "127.0.0.1:" in self.host.run("cat", "/run/mmsd/confd/shop.web.instances",
                                                  check=False))
