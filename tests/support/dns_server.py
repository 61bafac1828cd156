# SPDX-License-Identifier: MIT
# A real mmsd-dns-server with the sockets that the supervisor would hold for it.
"""Starts the DNS server alone and asks it."""

from __future__ import annotations

import socket

import dns.message
import dns.query

from lone_worker import LoneWorker

TIMEOUT = 5.0
_RECEIVE_BUFFER = 8 << 20
_SO_RCVBUFFORCE = 33


class DnsSockets:
    """The two sockets that the supervisor would hold; they outlive the workers."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        while True:
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            try:
                self.udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
            except PermissionError:
                pass  # not root: what waits while a worker is replaced may be lost
            self.udp.bind((address, port))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket(family, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind((address, self.port))
                break
            except OSError:
                self.close()
        self.tcp.listen(1024)

    def roles(self):
        return (("dns-udp", self.udp), ("dns-tcp", self.tcp))

    def close(self):
        self.udp.close()
        self.tcp.close()


class RunningDnsServer:
    """A worker with its sockets, and ways to ask it."""

    def __init__(self, executable, flags=(), address="127.0.0.1", ask=None, port=0,
                 prefix=()):
        self.sockets = DnsSockets(address, port)
        self.executable, self.flags = executable, (f"--bind-ip={address}", *flags)
        self.bind, self.address, self.prefix = address, ask or address, prefix
        self.workers: list[LoneWorker] = []
        self.start()

    def start(self) -> LoneWorker:
        self.workers.append(LoneWorker(self.executable, "dns-server", self.flags,
                                       sockets=self.sockets.roles(), prefix=self.prefix).ready())
        return self.worker

    @property
    def worker(self) -> LoneWorker:
        return self.workers[-1]

    @property
    def port(self) -> int:
        return self.sockets.port

    def ask(self, name, rdtype="A", tcp=False, **options):
        query = name
        if not isinstance(name, dns.message.Message):
            query = dns.message.make_query(name, rdtype, **options)
        send = dns.query.tcp if tcp else dns.query.udp
        return send(query, self.address, timeout=TIMEOUT, port=self.port)

    def addresses(self, name, rdtype="A"):
        reply = self.ask(name, rdtype)
        return sorted(str(item) for rrset in reply.answer for item in rrset)

    def stop(self) -> None:
        """Ends the workers, which must not have crashed, and closes the sockets."""
        for worker in self.workers:
            assert worker.stop() == 0, worker.log
        self.sockets.close()
