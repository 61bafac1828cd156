# SPDX-License-Identifier: MIT
# Small servers behind HAProxy.
"""A threading server for any request handler."""

from __future__ import annotations

import contextlib
import socketserver
import ssl
import threading


@contextlib.contextmanager
def server(handler, context: ssl.SSLContext | None = None):
    """A threading server with this request handler. @return its port"""
    made = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    made.daemon_threads = True
    if context:
        made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield made.server_address[1]
    finally:
        made.shutdown()
        made.server_close()
