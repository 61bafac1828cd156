# SPDX-License-Identifier: MIT
# Many DNS clients at once, each with one query in flight, that count what goes wrong.
"""DNS load over UDP and TCP for tests of restarts."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time

import dns.message

from waiting import wait_for

# Far above any restart, below any doubt: such a query is lost.
_PATIENCE = 20.0


class UdpLoad:
    """Clients on ports of their own, which the kernel divides among the server's processes."""

    def __init__(self, address: str, port: int, name: str, clients: int = 64,
                 pause: float = 0.0) -> None:
        self._server, self._pause = (address, port), pause
        self._query = dns.message.make_query(name, "A").to_wire()
        self._count = clients
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = [0] * clients
        self.refused = self.lost = self.wrong = 0
        self.slowest = 0.0

    def _run(self) -> None:
        clients, sent_at, waiter = [], [], select.epoll()
        for number in range(self._count):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.connect(self._server)
            client.setblocking(False)
            clients.append(client)
            sent_at.append(0.0)
            waiter.register(client, select.EPOLLIN)
        places = {client.fileno(): number for number, client in enumerate(clients)}
        for number in range(self._count):
            self._ask(clients[number], number, sent_at)
        while not self._is_over.is_set():
            for descriptor, _ in waiter.poll(0.1):
                self._take(clients, places[descriptor], sent_at)
            now = time.monotonic()
            for number in range(self._count):
                if now - sent_at[number] > _PATIENCE:
                    self.lost += 1
                    self._ask(clients[number], number, sent_at)
            if self._pause:
                time.sleep(self._pause)
        waiter.close()
        for client in clients:
            client.close()

    def _ask(self, client, number, sent_at) -> None:
        sent_at[number] = time.monotonic()
        try:
            client.send(struct.pack("!H", number) + self._query[2:])
        except ConnectionRefusedError:
            self.refused += 1

    def _take(self, clients, number, sent_at) -> None:
        try:
            reply = clients[number].recv(4096)
        except ConnectionRefusedError:
            self.refused += 1
        except BlockingIOError:
            return
        else:
            is_right = reply[:2] == struct.pack("!H", number) and reply[3] & 15 == 0
            self.wrong += not (is_right and struct.unpack("!H", reply[6:8])[0] > 0)
            self.answered[number] += 1
            self.slowest = max(self.slowest, time.monotonic() - sent_at[number])
        self._ask(clients[number], number, sent_at)

    def wait_for_more(self, count: int = 20) -> None:
        """Waits until every client has had that many further answers."""
        wanted = [answered + count for answered in self.answered]
        wait_for("answers to every client",
                 lambda: all(a >= w for a, w in zip(self.answered, wanted)), timeout=120)

    def __enter__(self) -> UdpLoad:
        self._thread.start()
        self.wait_for_more(1)
        return self

    def __exit__(self, *_exception) -> None:
        self._is_over.set()
        self._thread.join()


class TcpLoad:
    """One client that connects, asks and closes, again and again."""

    def __init__(self, address: str, port: int, name: str) -> None:
        self._server = (address, port)
        query = dns.message.make_query(name, "A").to_wire()
        self._query = struct.pack("!H", len(query)) + query
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = self.refused = self.cut = 0

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                client = socket.create_connection(self._server, timeout=10)
            except OSError:
                self.refused += 1
                continue
            try:
                client.sendall(self._query)
                self.answered += bool(client.recv(4096))
            except OSError:
                self.cut += 1  # accepted by the process that was then killed
            finally:
                client.close()

    def __enter__(self) -> TcpLoad:
        self._thread.start()
        wait_for("first answer over TCP", lambda: self.answered)
        return self

    def __exit__(self, *_exception) -> None:
        self._is_over.set()
        self._thread.join()
