# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.mail_addresses import mail_addresses

ALICE, CAROL = "alice@example.org", "carol@example.org"
DOMAINS: dict[str, Any] = {
    "example.org": {},
    "shop.example.org": {"catch_all": "shop@example.net"},
    "club.example.org": {"catch_all": "club@shop.example.org"},
    "parked.example.org": {"parked": True},
}
USERS: dict[str, Any] = {
    ALICE: {"senders": ["team@example.org", "alice@elsewhere.example", "@other.example"]},
    CAROL: {"aliases": ["c@shop.example.org"]},
    "dave@shop.example.org": {},
}
LISTS = {
    "team@example.org": [ALICE, "bob@example.net"],
    "all@example.org": ["team@example.org", CAROL],
    "inside@example.org": [ALICE, CAROL],
    "orders@example.org": ["anything@shop.example.org"],
}
PROVIDER = {"host": "smtp.example.net"}
OTHER = {"host": "mail.example.com", "port": 465, "username": "us", "password": "p w"}


def routes(**settings: Any) -> dict[str, str]:
    tables = mail_addresses(
        {
            "users": USERS,
            "domains": DOMAINS,
            "postmaster": ALICE,
            "hostname": "mx.example.org",
            "aliases": LISTS,
            **settings,
        }
    )
    found: dict[str, str] = tables["routes"]
    return found


def table(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines())


def test_mail_of_kept_senders_goes_directly_to_the_recipient() -> None:
    assert table(routes()["sender_transports"]) == {
        "<>": "smtp:",
        "@example.org": "smtp:",
        "@shop.example.org": "smtp:",
        "@club.example.org": "smtp:",
        "@mx.example.org": "smtp:",
        "alice@elsewhere.example": "smtp:",
        "@other.example": "smtp:",
    }
    assert routes()["default_transport"] == "smtp:"


def test_a_smarthost_takes_the_mail_of_its_sender_and_of_no_other() -> None:
    found = routes(smarthosts={"elsewhere.example": PROVIDER, CAROL: OTHER})
    direct = table(routes()["sender_transports"])
    assert table(found["sender_transports"]) == {
        **direct,
        "alice@elsewhere.example": "smarthost:[smtp.example.net]:587",
        "@elsewhere.example": "smarthost:[smtp.example.net]:587",
        CAROL: "smarthost-tls:[mail.example.com]:465",
    }
    assert found["smarthost_passwords"] == f"{CAROL} us:p w\n"
    assert found["default_transport"] == "smtp:"


def test_the_smarthost_of_all_others_takes_bounces_and_forwarded_mail_too() -> None:
    found = routes(smarthosts={"*": OTHER, "example.org": PROVIDER})
    transports = table(found["sender_transports"])
    assert transports.pop("@example.org") == "smarthost:[smtp.example.net]:587"
    assert set(transports.values()) == {"smarthost-tls:[mail.example.com]:465"}
    assert found["default_transport"] == "smarthost-tls:[mail.example.com]:465"
    # By the server's name, as it is for all senders.
    assert found["smarthost_passwords"] == "[mail.example.com]:465 us:p w\n"


def test_a_smarthost_has_to_show_a_certificate_unless_the_policy_says_otherwise() -> None:
    smarthosts = {"*": OTHER, "example.org": PROVIDER}
    policies = {
        "[smtp.example.net]:587": "dane-only",
        "example.com": {"level": "verify"},
        ".example.com": {"level": "secure", "match": ["mx.example.com", ".example.com"]},
    }
    assert table(routes(smarthosts=smarthosts, tls_policy=policies)["tls_policies"]) == {
        "[mail.example.com]:465": "secure",
        "[smtp.example.net]:587": "dane-only",
        "example.com": "verify",
        ".example.com": "secure match=mx.example.com:.example.com",
    }


def test_policies_for_all_below_a_domain_are_patterns_the_longest_first() -> None:
    policies = {
        "example.com": "verify",
        ".example.com": "secure",
        ".mail.example.com": {"level": "secure", "match": [".example.net"]},
    }
    assert routes(tls_policy=policies)["tls_policies_below"] == (
        "/\\.mail\\.example\\.com$/ secure match=.example.net\n/\\.example\\.com$/ secure\n"
    )


def test_a_domain_of_another_server_has_its_recipients_listed_or_asked_for() -> None:
    found = routes(
        relay_domains={
            "club.example": {"recipients": ["bob@club.example"]},
            "guild.example": {"host": "mx.guild.example"},
            "port.example": {"host": "mx.port.example", "port": 2525},
        }
    )
    assert list(table(found["relay_domains"])) == ["club.example", "guild.example", "port.example"]
    assert table(found["relay_recipients"]) == {
        "bob@club.example": "listed",
        "@guild.example": "asked",
        "@port.example": "asked",
    }
    assert list(table(found["relay_checks"])) == ["guild.example", "port.example"]
    assert table(found["relay_transports"]) == {
        "guild.example": "relay:[mx.guild.example]:25",
        "port.example": "relay:[mx.port.example]:2525",
    }
    assert table(found["sent_on"])["@club.example"] == "elsewhere"


def test_a_domain_of_ours_with_its_mailboxes_elsewhere_keeps_its_senders_and_forwards_mail() -> (
    None
):
    tables = mail_addresses(
        {
            "users": {},
            "domains": {"example.org": {}},
            "postmaster": "ops@example.net",
            "hostname": "mx.example.org",
            "aliases": {"info@example.org": ["bob@example.org"]},
            "relay_domains": {"example.org": {"host": "mail.example.org"}},
        }
    )
    assert table(tables["routes"]["sender_transports"])["@example.org"] == "smtp:"
    assert table(tables["routes"]["sent_on"]) == {
        "@example.org": "elsewhere",
        "info@example.org": "elsewhere",
        **{
            f"{name}@{domain}": "elsewhere"
            for name in ("postmaster", "abuse", "hostmaster")
            for domain in ("example.org", "mx.example.org")
        },
        "root@mx.example.org": "elsewhere",
        "root@localhost": "elsewhere",
    }


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("team@example.org", "elsewhere"),
        ("all@example.org", "elsewhere"),
        ("orders@example.org", "elsewhere"),
        ("@shop.example.org", "elsewhere"),
        ("@club.example.org", "elsewhere"),
        ("dave@shop.example.org", "here"),
        ("c@shop.example.org", "here"),
        ("postmaster@shop.example.org", "here"),
        # Without a catch-all, unknown addresses are refused and need no entry.
        ("inside@example.org", None),
        (ALICE, None),
        ("postmaster@example.org", None),
    ],
)
def test_an_address_with_any_recipient_elsewhere_forwards_mail(
    address: str, where: str | None
) -> None:
    assert table(routes()["sent_on"]).get(address) == where
