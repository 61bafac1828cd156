# SPDX-License-Identifier: MIT
# Instances and clients of UDP services, for the tests of the balancer.
"""Echo instances in processes of their own, and clients that ask through the balancer."""

from __future__ import annotations

import socket
import subprocess
import sys

MAX_DATAGRAM = 65507
_PATIENCE = 5.0


def family_of(address: str) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A bound UDP socket with a large queue."""
    opened = socket.socket(family_of(address), socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    opened.bind((address, port))
    opened.settimeout(_PATIENCE)
    return opened


def echo_for_ever(address: str, port: int, name: bytes) -> None:
    """Answers every datagram with its name, a colon and what came."""
    with open_socket(address, port) as served:
        served.settimeout(None)
        print(served.getsockname()[1], flush=True)
        while True:
            payload, client = served.recvfrom(MAX_DATAGRAM)
            served.sendto((name + b":" + payload)[:MAX_DATAGRAM], client)


class EchoInstance:
    """An instance in a process of its own, which kill() ends at once."""

    def __init__(self, name: str, address: str = "127.0.0.1", port: int = 0):
        self.name, self.address = name, address
        self._process = subprocess.Popen(
            [sys.executable, __file__, address, str(port), name], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """Ends it; its port is closed then."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Client:
    """One client address; not connected, so that it sees where answers come from."""

    def __init__(self, service_port: int, server: str = "127.0.0.1", address: str | None = None):
        own = address or ("::1" if ":" in server else "127.0.0.1")
        self.socket = open_socket(own)
        self.server = (server, service_port)

    def send(self, payload: bytes) -> None:
        """One datagram to the service."""
        self.socket.sendto(payload, self.server)

    def receive(self, timeout: float = _PATIENCE) -> bytes | None:
        """The next answer, which must come from the service's port; nothing if none comes."""
        self.socket.settimeout(timeout)
        try:
            payload, source = self.socket.recvfrom(MAX_DATAGRAM)
        except (TimeoutError, BlockingIOError):
            return None
        assert source[:2] == self.server, f"answer from {source} instead of {self.server}"
        return payload

    def ask(self, payload: bytes = b"?") -> str | None:
        """Sends and receives. @return the name of the instance that answered"""
        self.send(payload)
        answer = self.receive()
        if answer is None:
            return None
        name, _, echoed = answer.partition(b":")
        assert echoed == payload, f"{echoed!r} instead of {payload!r}"
        return name.decode()

    def close(self) -> None:
        """Closes the socket."""
        self.socket.close()


def is_answered(service_port: int) -> bool:
    """True if a datagram gets an answer within half a second."""
    client = Client(service_port)
    try:
        client.send(b"?")
        return client.receive(0.5) is not None
    except OSError:
        return False
    finally:
        client.close()


if __name__ == "__main__":
    echo_for_ever(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode())
