# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.mail_addresses import mail_addresses
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import SERVICES

ALICE, BOB, CAROL = "alice@example.org", "bob@example.net", "carol@example.org"
DOMAINS: dict[str, Any] = {
    "example.org": {},
    "example.net": {},
    "shop.example.org": {"catch_all": CAROL, "refuse": ["raffle@shop.example.org"]},
    "parked.example.org": {"parked": True},
}
USERS: dict[str, Any] = {
    ALICE: {"password": "secret"},
    BOB: {"state": "closed", "moved_to": "bob@example.com", "aliases": ["b@example.net"]},
    CAROL: {
        "password": "secret",
        "aliases": ["c@example.org", "abuse@example.net"],
        "senders": ["info@example.org", "@example.com"],
        "app_passwords": {
            "phone": {"password": "phone", "services": ["imap", "submission"]},
            "scanner": {"password_hash": "{X}scanner", "services": ["submission"]},
        },
        "expires": "2027-01-31",
    },
    "app@example.org": {"password": "secret", "state": "send_only"},
    "dave@example.org": {"password": "secret", "state": "suspended"},
    "erin@example.org": {"state": "suspended", "suspended_text": "Call us."},
    "log@example.org": {"state": "no_login"},
}
SETTINGS: dict[str, Any] = {
    "users": USERS,
    "domains": DOMAINS,
    "postmaster": ALICE,
    "hostname": "mx.example.org",
}
LISTS = {"info@example.org": [ALICE, "info@example.com"], "hostmaster@example.net": [CAROL]}


def addresses(**users: Any) -> dict[str, Any]:
    return mail_addresses(
        {
            **SETTINGS,
            "users": {**USERS, **users},
            "aliases": LISTS,
            "suspended_text": "Ask the postmaster.",
        }
    )


def table(text: str) -> dict[str, str]:
    """Return the entries of a table by address."""
    return dict(line.split(" ", 1) for line in text.splitlines())


@pytest.mark.parametrize(
    ("address", "targets"),
    [
        ("postmaster@example.org", ALICE),
        ("hostmaster@mx.example.org", ALICE),
        ("root@mx.example.org", ALICE),
        ("root@localhost", ALICE),
        ("postmaster@shop.example.org", ALICE),
        ("c@example.org", CAROL),
        ("info@example.org", f"{ALICE},info@example.com"),
        ("@shop.example.org", CAROL),
        # Settings take precedence over the required addresses.
        ("abuse@example.net", CAROL),
        ("hostmaster@example.net", CAROL),
        # Accounts have mailboxes, parked domains have no addresses, and others are unknown.
        (ALICE, None),
        ("postmaster@parked.example.org", None),
        ("root@example.org", None),
    ],
)
def test_maps_addresses_to_their_targets(address: str, targets: str | None) -> None:
    assert table(addresses()["forwards"]).get(address) == targets


def test_each_domain_has_an_address_for_reports_unless_the_settings_use_it_otherwise() -> None:
    settings = {
        **SETTINGS,
        "domains": {
            **DOMAINS,
            "club.example": {},
            "guild.example": {"catch_all": CAROL, "refuse": ["log@guild.example"]},
            "relayed.example": {},
            "off.example": {"reports": False},
        },
        "aliases": {"log@club.example": [ALICE]},
        "relay_domains": {"relayed.example": {}},
    }
    domains = ("example.net", "shop.example.org")
    found = mail_addresses({**settings, "reports": "log"})
    assert found["reports"] == {domain: f"log@{domain}" for domain in domains}
    # It is in nobody's tables, but mail for it is not forwarded by the catch-all.
    assert "log@shop" not in str({**found, "reports": "", "routes": ""})
    elsewhere = {"domains": {"shop.example.org": {"catch_all": "bob@example.com"}}}
    sent_on = mail_addresses({**SETTINGS, **elsewhere, "reports": "log"})["routes"]["sent_on"]
    assert table(sent_on)["log@shop.example.org"] == "here"
    # The addresses that must reach the postmaster do.
    assert mail_addresses({**SETTINGS, "reports": "postmaster"})["reports"] == {}
    assert mail_addresses(settings)["reports"] == {}


def test_every_account_has_a_mailbox_and_a_quota() -> None:
    users = {ALICE: {"quota": "5G"}, BOB: {}}
    for default, expected in (("", "unlimited"), ("1G", "1G")):
        found = mail_addresses({**SETTINGS, "users": users, "quota": default})
        assert table(found["mailboxes"]) == {ALICE: "5G", BOB: expected}


def test_an_account_goes_before_a_name_that_must_exist() -> None:
    forwards = table(addresses(**{"postmaster@example.org": {"password": "secret"}})["forwards"])
    assert "postmaster@example.org" not in forwards


@pytest.mark.parametrize(
    ("sender", "accounts"),
    [
        (ALICE, ALICE),
        ("postmaster@example.org", ALICE),
        ("c@example.org", CAROL),
        # No account owns a list.
        ("info@example.org", CAROL),
        ("hostmaster@example.net", None),
        ("@shop.example.org", CAROL),
        ("postmaster@shop.example.org", ALICE),
        ("@example.com", CAROL),
    ],
)
def test_maps_senders_to_the_accounts_that_may_use_them(sender: str, accounts: str | None) -> None:
    assert table(addresses()["senders"]).get(sender) == accounts


def test_an_address_may_be_written_as_by_several_accounts() -> None:
    shared = {"dave@example.org": {"senders": ["c@example.org"]}}
    senders = table(addresses(**shared)["senders"])
    assert senders["c@example.org"] == f"{CAROL},dave@example.org"


def test_maps_refused_addresses_to_their_answers() -> None:
    moved = "551 5.1.6 This mailbox has moved; please try <bob@example.com>"
    assert table(addresses()["refused_recipients"]) == {
        "raffle@shop.example.org": "550 5.1.1 This address is no longer in use",
        BOB: moved,
        "b@example.net": moved,
        "app@example.org": "550 5.2.1 This address sends mail and takes none",
    }
    assert table(addresses()["refused_senders"]) == {
        "dave@example.org": "525 5.7.13 Ask the postmaster.",
        "erin@example.org": "525 5.7.13 Call us.",
    }


def test_lists_the_logins_that_each_service_denies() -> None:
    denied = addresses()["denied_logins"]
    reading = [BOB, "carol+scanner@example.org", "app@example.org", "log@example.org"]
    assert denied["imap"].splitlines() == reading
    assert denied["submission"].splitlines() == [BOB, "log@example.org"]


def test_devices_follow_the_state_of_their_account() -> None:
    device = {"phone": {"password": "x", "services": ["imap", "submission"]}}
    for state, denied in (
        ("send_only", {"imap", "pop3", "sieve", "dav"}),
        ("closed", set(SERVICES)),
    ):
        tables = addresses(**{"x@example.org": {"state": state, "app_passwords": device}})
        for service, logins in tables["denied_logins"].items():
            assert ("x+phone@example.org" in logins.splitlines()) == (
                service in denied or service not in device["phone"]["services"]
            )


def test_lists_what_changes_on_the_day_an_account_expires() -> None:
    closed = "550 5.2.1 This mailbox is closed"
    assert addresses()["expiries"].splitlines() == [
        f"2027-01-31 logins {CAROL}",
        "2027-01-31 logins carol+phone@example.org",
        "2027-01-31 logins carol+scanner@example.org",
        f"2027-01-31 recipients {CAROL} {closed}",
        f"2027-01-31 recipients c@example.org {closed}",
        f"2027-01-31 recipients abuse@example.net {closed}",
    ]


def test_every_account_and_device_has_a_login() -> None:
    logins = json.loads(addresses()["logins"])
    assert logins.keys() > USERS.keys()
    assert logins["carol+phone@example.org"] == {"password": "phone"}
    assert logins["carol+scanner@example.org"] == {"password_hash": "{X}scanner"}
    assert logins["log@example.org"] == {}


def test_a_master_user_is_no_account() -> None:
    tables = mail_addresses({**SETTINGS, "master_users": {"admin": {"password": "master"}}})
    logins = json.loads(tables["logins"])
    assert logins["*admin"] == {"password": "master"}


def test_dovecots_tables_have_an_apostrophe_with_and_without_a_backslash() -> None:
    users = {
        "o'brien@example.org": {"password": "x", "services": ["imap"], "expires": "2027-01-31"}
    }
    tables = mail_addresses({**SETTINGS, "users": users})
    both = ["o'brien@example.org", r"o\'brien@example.org"]
    assert tables["mailboxes"] == f"{both[0]} unlimited\n"
    assert tables["userdb"] == "".join(f"{key} unlimited\n" for key in both)
    assert tables["denied_logins"]["submission"].splitlines() == both
    logins = [line for line in tables["expiries"].splitlines() if " logins " in line]
    assert logins == [f"2027-01-31 logins {key}" for key in both]
