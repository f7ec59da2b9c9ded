# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page contains; tests/lab/web/ looks at it in a browser."""

from __future__ import annotations

import json

import pytest

from pillarbox.setup.addresses import parse
from pillarbox.setup.languages import LANGUAGES, texts
from pillarbox.setup.page import Place, mobile_export, page, tables
from pillarbox.setup.settings import Settings

from .host import FULL, PLAIN

HOST = Place("mx.example.org", "/setup", None, "en", False)
DOMAIN = Place("autoconfig.example.org", "", "example.org", "en", False)


def rows(settings: Settings, kind: str) -> list[tuple[str, ...]]:
    address = parse("alice+phone@example.org", settings.domains)
    found = tables(settings, address, texts("en"))[kind]
    return [(table.title, *(row.value for row in table.rows[:4])) for table in found]


def test_the_preferred_ports_come_first_and_all_others_after_them() -> None:
    server, user = "mx.example.org", "alice+phone@example.org"
    incoming, outgoing = "Incoming mail (IMAP)", "Outgoing mail (SMTP)"
    main = [
        (incoming, server, "993", "SSL/TLS", user),
        (outgoing, server, "465", "SSL/TLS", user),
    ]
    blocked = (outgoing, server, "587", "STARTTLS", user)
    assert rows(PLAIN, "main") == rows(FULL, "main") == main
    assert rows(PLAIN, "other") == [blocked]
    assert rows(FULL, "other") == [
        blocked,
        ("Incoming mail (POP3)", server, "995", "SSL/TLS", user),
        ("Filters (ManageSieve)", server, "4190", "STARTTLS", user),
    ]


def test_thunderbird_for_android_gets_all_but_the_password() -> None:
    export = mobile_export(PLAIN, parse("alice+phone@example.org", PLAIN.domains))
    assert json.loads(export) == [
        1,
        [1, 1],
        [0, "mx.example.org", 993, 3, 1, "alice+phone@example.org"],
        [
            [
                [0, "mx.example.org", 465, 3, 1, "alice+phone@example.org"],
                ["alice@example.org", ""],
            ]
        ],
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", [HOST, DOMAIN])
def test_there_is_a_page_with_and_without_an_address_in_each_language(
    place: Place, language: str
) -> None:
    place = Place(place.host, place.base, place.domain, language, True)
    for settings in (PLAIN, FULL):
        text = page(settings, place, "", None, "").decode()
        assert text.count('role="img"') == 1
        assert ("webmail.example.org" in text) == ("/dav/" in text) == (settings is FULL)
        assert ("mail.mobileconfig" in text) == (place is not HOST and bool(place.domain))
        address = parse("alice@example.org", settings.domains)
        text = page(settings, place, address.login, address, "").decode()
        assert text.count('role="img"') == 2
        assert "alice@example.org" in text


@pytest.mark.parametrize(
    ("place", "link"),
    [(HOST, "/setup/?lang=de&a=x%40y"), (DOMAIN, "/?lang=de&a=x%40y")],
)
def test_links_stay_below_the_page(place: Place, link: str) -> None:
    assert place.link("/", lang="de", a="x@y", b=None) == link
    assert DOMAIN.link("/") == "/"
