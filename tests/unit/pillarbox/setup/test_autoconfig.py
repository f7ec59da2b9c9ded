# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Thunderbird and other mail programs read."""

from __future__ import annotations

from xml.etree import ElementTree

from pillarbox.setup.autoconfig import autoconfig

from .host import FULL, PLAIN


def servers(xml: bytes, tag: str) -> list[dict[str, str | None]]:
    return [
        {"type": found.get("type")} | {child.tag: child.text for child in found}
        for found in ElementTree.fromstring(xml).iter(tag)
    ]


def server(kind: str, port: str, socket: str) -> dict[str, str | None]:
    return {
        "type": kind,
        "hostname": "mx.example.org",
        "port": port,
        "socketType": socket,
        "authentication": "password-cleartext",
        "username": "%EMAILADDRESS%",
    }


def test_all_ports_are_listed_the_preferred_ones_first() -> None:
    xml = autoconfig(FULL, "example.org")
    assert servers(xml, "incomingServer") == [
        server("imap", "993", "SSL"),
        server("pop3", "995", "SSL"),
    ]
    assert servers(xml, "outgoingServer") == [
        server("smtp", "465", "SSL"),
        server("smtp", "587", "STARTTLS"),
    ]
    assert servers(xml, "setupServer") == [server("managesieve", "4190", "STARTTLS")]


def test_calendars_contacts_and_webmail_are_listed_if_the_host_has_them() -> None:
    dav = {"url": "https://mx.example.org/dav/", "authentication": "basic"}
    user = {"username": "%EMAILADDRESS%"}
    xml = autoconfig(FULL, "example.org")
    assert servers(xml, "calendar") == [{"type": "caldav", **dav, **user}]
    assert servers(xml, "addressbook") == [{"type": "carddav", **dav, **user}]
    [page] = ElementTree.fromstring(xml).iter("loginPage")
    assert page.get("url") == "https://webmail.example.org/"
    plain = ElementTree.fromstring(autoconfig(PLAIN, "example.org"))
    assert {child.tag for child in plain} == {"emailProvider"}


def test_the_provider_is_the_domain() -> None:
    domain = "a-long-name-of-a-company.example.org"
    provider = ElementTree.fromstring(autoconfig(PLAIN, domain))[0]
    assert provider.get("id") == domain
    assert provider.findtext("domain") == domain
    # Longer ones are invalid.
    assert len(provider.findtext("displayShortName") or "") == 20
    descriptions = provider.findall("documentation/descr")
    assert {each.get("lang") for each in descriptions} == {"de", "en"}
