# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve the application on the socket that systemd listens on.

It starts with the first request and ends when none has come for a while, so that it costs no memory
on most hosts at most times. nginx is its only client: it limits, buffers and times requests, so
that the standard library's server is enough, and a package less.
"""

from __future__ import annotations

import socket
import socketserver
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from pillarbox.activation import handed_over
from pillarbox.parts import part
from pillarbox.setup.application import Application
from pillarbox.setup.settings import Settings

# Seconds without a request after which the service ends.
IDLE = 120.0
# Seconds for which it waits for a client.
PATIENCE = 15.0


class Handler(WSGIRequestHandler):
    """A connection, with one request."""

    timeout = PATIENCE

    def log_message(self, *_arguments: Any) -> None:
        """Log nothing: requests contain addresses, and nginx logs the rest."""


class Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """A server on a socket that is open already; it may open none itself."""

    # What the handler asks of a server.
    server_name, server_port = "localhost", 0

    def __init__(self, listening: socket.socket, application: Application, idle: float) -> None:
        super().__init__(("", 0), Handler)
        self.socket, self.application, self.timeout = listening, application, idle
        self.is_idle = False
        self.base_environ = {
            "SERVER_NAME": self.server_name,
            "SERVER_PORT": str(self.server_port),
            "SCRIPT_NAME": "",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REMOTE_HOST": "",
            "CONTENT_LENGTH": "",
        }

    def get_app(self) -> Application:
        return self.application

    def fileno(self) -> int:
        return self.socket.fileno()

    def get_request(self) -> tuple[socket.socket, Any]:
        # A client at such a socket has no address, and the handler expects one.
        return self.socket.accept()[0], ("", 0)

    def close_request(self, request: Any) -> None:
        request.close()

    def handle_timeout(self) -> None:
        self.is_idle = True

    def handle_error(self, _request: Any, _address: Any) -> None:
        # Without the stack, as the cause is a client that is slow or has gone.
        print(f"a connection failed: {sys.exc_info()[1]}", file=sys.stderr, flush=True)

    def run(self) -> None:
        """Serve until no request comes. One that comes then has systemd start the service again."""
        while not self.is_idle:
            self.handle_request()
        # Waits for the answers that are under way.
        self.server_close()


def main() -> int:
    listening = handed_over()
    Server(listening, Application(Settings.of(part("setup"))), IDLE).run()
    return 0
