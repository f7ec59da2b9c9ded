# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of these tests, and requests to its service."""

from __future__ import annotations

import http.client
import socket
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.setup.settings import Settings

PART: dict[str, Any] = {
    "hostname": "mx.example.org",
    "domains": ["example.org", "xn--mller-kva.example"],
    "path": "setup",
    "services": {
        "imap": [{"port": 993, "security": "tls"}],
        "smtp": [{"port": 465, "security": "tls"}, {"port": 587, "security": "starttls"}],
    },
    "dav": None,
    "webmail": None,
    "certificates": "/nonexistent",
}
EVERYTHING = {
    **PART,
    "services": {
        **PART["services"],
        "pop3": [{"port": 995, "security": "tls"}],
        "sieve": [{"port": 4190, "security": "starttls"}],
    },
    "dav": "/dav/",
    "webmail": "https://webmail.example.org/",
}
PLAIN, FULL = Settings.of(PART), Settings.of(EVERYTHING)


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Client(http.client.HTTPConnection):
    """A connection to a Unix socket, as nginx makes it."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self.path))


class Site(NamedTuple):
    """A running service."""

    path: Path

    def get(
        self,
        target: str,
        host: str = "autoconfig.example.org",
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        client = Client(self.path)
        try:
            fields = {"Host": host} | {name.replace("_", "-"): it for name, it in headers.items()}
            client.request(method, target, body, fields)
            answer = client.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            client.close()
