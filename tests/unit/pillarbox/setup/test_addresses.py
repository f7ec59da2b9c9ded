# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses are accepted, and what they mean."""

from __future__ import annotations

import pytest

from pillarbox.setup.addresses import Address, BadAddress, OtherDomain, parse

DOMAINS = {"example.org", "xn--mller-kva.example"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("alice@example.org", Address("alice@example.org", "alice@example.org", "example.org")),
        (" Alice@Example.ORG ", Address("alice@example.org", "alice@example.org", "example.org")),
        (
            "o'brien@example.org",
            Address("o'brien@example.org", "o'brien@example.org", "example.org"),
        ),
        (
            "r&d.x_1-2@example.org",
            Address("r&d.x_1-2@example.org", "r&d.x_1-2@example.org", "example.org"),
        ),
        (
            "alice+phone@example.org",
            Address("alice+phone@example.org", "alice@example.org", "example.org"),
        ),
        (
            "alice@Müller.example",
            Address(
                "alice@xn--mller-kva.example",
                "alice@xn--mller-kva.example",
                "xn--mller-kva.example",
            ),
        ),
    ],
)
def test_a_login_name_is_read_as_the_daemons_do(text: str, address: Address) -> None:
    assert parse(text, DOMAINS) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "a b@example.org",
        '"a"@example.org',
        "<script>@example.org",
        "a@b@example.org",
        "alice\r\nSet-Cookie:@example.org",
        "alice\0@example.org",
        "../../etc/passwd@example.org",
        "alice+@example.org",
        ".alice@example.org",
        "al..ice@example.org",
        "ällice@example.org",
        "\u212a@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 130 + "org",
        "alice@.example.org",
        "alice@" + "x" * 64 + ".example.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text, DOMAINS)


@pytest.mark.parametrize(
    "text", ["alice@example.net", "alice@sub.example.org", "alice@<b>", "alice@x/y"]
)
def test_other_domains_are_refused(text: str) -> None:
    with pytest.raises(OtherDomain):
        parse(text, DOMAINS)
