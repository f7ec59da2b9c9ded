# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each wrong setting of who may log in, and how, is told by its name, with what would be right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    SERVICES,
    denied_logins,
)

from ....settings import check
from .good import assert_told

SECRET = {"password": "hunter2"}
HASH = {"password_hash": "{SHA512-CRYPT}$6$salt$hunter2"}
BOB = "mail_users['bob@example.org']"
SCRAM = {"mail_scram": True}


def problems(**settings: Any) -> list[str]:
    good: dict[str, Any] = {
        "mail_hostname": "mx.example.org",
        "mail_domains": {"example.org": {}},
        "mail_users": {"alice@example.org": SECRET},
        "mail_postmaster": "alice@example.org",
    }
    return check({**good, **settings})


def bob(*secrets: dict[str, str], **account: Any) -> dict[str, Any]:
    """Settings in which Bob's account says this."""
    given = {key: value for secret in secrets or (SECRET,) for key, value in secret.items()}
    return {"mail_users": {"alice@example.org": SECRET, "bob@example.org": {**given, **account}}}


def device(secret: dict[str, str], *services: str) -> dict[str, Any]:
    return {"phone": {**secret, "services": list(services)}}


@pytest.mark.parametrize(
    "settings",
    [
        *({**bob(services=[service])} for service in SERVICES),
        bob(services=list(SERVICES)),
        bob(services=["imap"], app_passwords=device(SECRET, "imap"), state="suspended"),
        {**SCRAM, **bob(app_passwords=device(SECRET, "imap"))},
        {**SCRAM, **bob(HASH, state="no_login")},
        {"mail_scram": False, **bob(HASH, app_passwords=device(HASH, "imap"))},
        {"fail2ban_enabled": False, "fail2ban_ignoreip": ["192.0.2.1", "2001:db8::/48"]},
        {"fail2ban_maxretry": 1, "fail2ban_findtime": 86400, "fail2ban_bantime": 60},
    ],
)
def test_accepts_good_settings(settings: dict[str, Any]) -> None:
    assert problems(**settings) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            bob(services=["pop"]),
            f"{BOB}.services[0]: must be one of imap, pop3, sieve, dav, submission",
        ),
        (bob(services=[]), f"{BOB}.services: is empty; remove it to use the default"),
        (bob(services="imap"), f"{BOB}.services: must be a list"),
        (bob(services=["imap", "imap"]), f"{BOB}.services[1]: repeats 'imap'; remove one of them"),
        (
            bob(services=["submission"], state="send_only"),
            f"{BOB}.services: has no effect in state send_only, which decides what the"
            " account may",
        ),
        (bob(services=["imap"], state="no_login"), f"{BOB}.services: has no effect in state no_lo"),
        (
            bob(services=["imap"], app_passwords=device(SECRET, "imap", "submission")),
            f"{BOB}.app_passwords.phone.services[1]: is submission, which is not one of the"
            " account's own",
        ),
        ({"mail_scram": "yes"}, "mail_scram: must be true or false, not 'yes'"),
        (
            {**SCRAM, **bob(HASH)},
            f"{BOB}.password_hash: does not work with SCRAM; set password instead, or set",
        ),
        ({**SCRAM, **bob(HASH, state="send_only")}, f"{BOB}.password_hash: does not work with SCR"),
        (
            {**SCRAM, **bob(app_passwords=device(HASH, "imap"))},
            f"{BOB}.app_passwords.phone.password_hash: does not work with SCRAM; set password"
            " instead, or set",
        ),
        ({"fail2ban_enabled": "no"}, "fail2ban_enabled: must be true or false, not 'no'"),
        ({"fail2ban_ignoreip": "192.0.2.1"}, "fail2ban_ignoreip: must be a list"),
        (
            {"fail2ban_ignoreip": ["192.0.2.0/24", "office.example.org"]},
            "fail2ban_ignoreip[1]: must be an address or a network, such as 198.51.100.0/24,"
            " not",
        ),
        ({"fail2ban_ignoreip": ["192.0.2.1/24"]}, "fail2ban_ignoreip[0]: must be an address or a"),
        ({"fail2ban_ignoreip": [3221225985]}, "fail2ban_ignoreip[0]: must be an address or a net"),
        ({"fail2ban_maxretry": 0}, "fail2ban_maxretry: must be a whole number from 1 to 1000, not"),
        ({"fail2ban_findtime": "10m"}, "fail2ban_findtime: must be a whole number from 60 to 8640"),
        ({"fail2ban_bantime": -1}, "fail2ban_bantime: must be a whole number from 60 to 31536000"),
        ({"fail2ban_max_retry": 5}, "fail2ban_max_retry: is unknown; did you mean fail2ban_maxret"),
    ],
)  # fmt: skip
def test_tells_what_is_wrong_and_what_would_be_right(
    settings: dict[str, Any], expected: str
) -> None:
    assert_told(problems(**settings), expected)


@pytest.mark.parametrize("services", [SERVICES, ("imap",), ("submission",), ("pop3", "sieve")])
def test_an_account_and_its_devices_may_use_its_services_only(services: tuple[str, ...]) -> None:
    app = {"phone": {**SECRET, "services": list(SERVICES)}}
    account = {"services": list(services), "app_passwords": app}
    tables = denied_logins({"bob@example.org": account})
    for service, logins in tables.items():
        both = ["bob@example.org", "bob+phone@example.org"]
        assert logins == ([] if service in services else both)
