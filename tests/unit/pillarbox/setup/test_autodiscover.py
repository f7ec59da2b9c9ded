# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Outlook reads."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from pillarbox.setup.autodiscover import SCHEMA, autodiscover, where

from .host import FULL, PLAIN

FRAME = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync"


def request(address: str, schema: str = SCHEMA, namespace: str = OUTLOOK) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{namespace}"><Request>'
        f"<EMailAddress>{address}</EMailAddress>"
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    ).encode()


def protocols(xml: bytes) -> list[dict[str, str | None]]:
    space = f"{{{SCHEMA}}}"
    root = ElementTree.fromstring(xml)
    assert root.tag == f"{FRAME}Autodiscover"
    assert root.findtext(f"{space}Response/{space}Account/{space}Action") == "settings"
    return [
        {child.tag.removeprefix(space): child.text for child in protocol}
        for protocol in root.iter(f"{space}Protocol")
    ]


def error(xml: bytes) -> str | None:
    return ElementTree.fromstring(xml).findtext(f"{FRAME}Response/{FRAME}Error/{FRAME}ErrorCode")


def test_outlook_gets_a_server_of_each_type_with_the_whole_address_as_its_login() -> None:
    found = protocols(autodiscover(FULL, request("Alice@example.org")))
    assert [(each["Type"], each["Port"], each["Encryption"]) for each in found] == [
        ("IMAP", "993", "SSL"),
        ("POP3", "995", "SSL"),
        ("SMTP", "465", "SSL"),
    ]
    for each in found:
        assert each["LoginName"] == "alice@example.org"
        assert each["Server"] == "mx.example.org"
        assert (each["SPA"], each["SSL"], each["AuthRequired"]) == ("off", "on", "on")


def test_special_characters_of_an_address_come_back_as_they_were() -> None:
    for each in protocols(autodiscover(PLAIN, request("o'brien&amp;r+pc@example.org"))):
        assert each["LoginName"] == "o'brien&r+pc@example.org"


def test_utf_16_is_understood() -> None:
    body = request("alice@example.org").decode().replace("utf-8", "utf-16").encode("utf-16")
    assert protocols(autodiscover(PLAIN, body))


def test_requests_for_activesync_are_told_that_there_is_none() -> None:
    body = request(
        "alice@example.org", f"{MOBILE}/responseschema/2006", f"{MOBILE}/requestschema/2006"
    )
    assert error(autodiscover(PLAIN, body)) == "601"


@pytest.mark.parametrize("address", ["alice@example.net", "&lt;script&gt;@example.org", "alice"])
def test_other_addresses_are_not_found(address: str) -> None:
    answer = autodiscover(PLAIN, request(address))
    assert error(answer) == "500"
    assert b"script" not in answer


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "alice@example.org">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    + "]>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no XML",
        b"<Autodiscover/>",
        b"<Request><EMailAddress>alice@example.org</EMailAddress></Request>",
        request("alice@example.org", ""),
        request("alice@example.org")[:-3],
        request("alice@example.org").replace(b"utf-8", b"utf-99"),
        request("\xff").decode().encode("latin-1"),
        BOMB.encode() + request("&a8;"),
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + request("&e;")[38:],
        b"<a>" * 5_000,
        b"\0" * 100,
    ],
)
def test_what_is_no_request_is_invalid(body: bytes) -> None:
    assert error(autodiscover(PLAIN, body)) == "600"


def test_version_2_refers_to_the_first() -> None:
    served, content = where("example.org", "AutoDiscoverV1")
    assert served
    url = "https://autodiscover.example.org/autodiscover/autodiscover.xml"
    assert json.loads(content) == {"Protocol": "AutodiscoverV1", "Url": url}
    served, content = where("example.org", "ActiveSync")
    assert not served
    assert json.loads(content)["ErrorCode"] == "InvalidProtocol"
