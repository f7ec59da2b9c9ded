# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the mail host's web server."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple

from tests.lab.lab.mail import trusting_the_ca


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def https(
    name: str,
    path: str,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request over TLS, and verify the certificate. Redirects are not followed."""
    connection = http.client.HTTPSConnection(name, timeout=30, context=trusting_the_ca())
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()
