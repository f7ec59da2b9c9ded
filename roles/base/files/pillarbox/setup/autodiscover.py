# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Autodiscover, by which Outlook asks for its settings ([MS-OXDSCLI], "plain old XML", and JSON).

Outlook shows an account as configured only if the answer fits; without LoginName it would log in
with the part of the address before the "@".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple
from xml.parsers import expat

from pillarbox.setup.addresses import BadAddress, OtherDomain, parse
from pillarbox.setup.settings import Settings
from pillarbox.setup.templates import rendered

# Of a request, in bytes. Those of Outlook have about 400.
LONGEST = 16_384
# The one kind of settings that this server has. Those for ActiveSync are asked for by another.
SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
# [MS-OXDSCLI] section 2.2.4.1.1.3.2, ErrorCode.
NO_ADDRESS = (500, "The email address cannot be found.")
INVALID = (600, "Invalid Request")
NO_PROVIDER = (601, "Provider is not available")
# SSL is TLS from the first byte; TLS is STARTTLS.
ENCRYPTION = {"tls": "SSL", "starttls": "TLS"}


class _NoRequest(Exception):
    """The XML is malformed, or does more than a request needs."""


class _Request(NamedTuple):
    address: str
    schema: str


def _parsed(body: bytes) -> _Request:
    """Read a request. Raises _NoRequest.

    The namespace of the request does not matter: clients differ in it.
    """
    found: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, _attributes: object) -> None:
        path.append(name.rpartition(" ")[2])

    def end(_name: str) -> None:
        path.pop()

    def text(data: str) -> None:
        if path[:-1] == ["Autodiscover", "Request"]:
            found[path[-1]] = found.get(path[-1], "") + data

    def refuse(*_arguments: object) -> None:
        # Without a document type there are no entities, neither external nor ones that grow.
        raise _NoRequest

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    # An unknown encoding is one of the others.
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _NoRequest from error
    return _Request(
        found.get("EMailAddress", "").strip(), found.get("AcceptableResponseSchema", "").strip()
    )


def _failed(error: tuple[int, str]) -> bytes:
    code, message = error
    now = datetime.now(UTC)
    return rendered(
        "autodiscover-error.xml", code=code, message=message, time=now.strftime("%H:%M:%S.%f")
    )


def autodiscover(settings: Settings, body: bytes) -> bytes:
    """Answer a request, which clients send with the HTTP status 200 also if it is an error."""
    try:
        request = _parsed(body)
    except _NoRequest:
        return _failed(INVALID)
    if request.schema != SCHEMA:
        return _failed(NO_PROVIDER if request.schema else INVALID)
    try:
        address = parse(request.address, settings.domains)
    except (BadAddress, OtherDomain):
        return _failed(NO_ADDRESS)
    return rendered(
        "autodiscover.xml",
        schema=SCHEMA,
        hostname=settings.hostname,
        login=address.login,
        # Outlook uses the first of a type.
        servers=[
            (protocol.upper(), settings.services[protocol][0])
            for protocol in ("imap", "pop3", "smtp")
            if protocol in settings.services
        ],
        encryption=ENCRYPTION,
    )


def where(domain: str, protocol: str) -> tuple[bool, bytes]:
    """Tell where a protocol is served, in JSON ("version 2"), and whether it is served at all."""
    if protocol.lower() == "autodiscoverv1":
        url = f"https://autodiscover.{domain}/autodiscover/autodiscover.xml"
        return True, json.dumps({"Protocol": "AutodiscoverV1", "Url": url}).encode()
    message = "The protocol is not served here. Supported values are 'AutodiscoverV1'."
    return False, json.dumps({"ErrorCode": "InvalidProtocol", "ErrorMessage": message}).encode()
