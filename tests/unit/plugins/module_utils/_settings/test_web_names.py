# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that the web server cannot serve for two purposes, and services without a web server."""

from __future__ import annotations

from typing import Any

import pytest

from ....settings import check
from .good import GOOD, assert_told

POLICY = "where senders look for the MTA-STS policy of example.org"
SETTINGS = "where mail programs look for the settings of example.org"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"mail_domains": {"example.org": {}, "autoconfig.example.org": {}}},
            f"mail_domains['autoconfig.example.org']: is {SETTINGS}, so it cannot be a mail domain;"
            " remove it, or set mail_web to false",
        ),
        (
            {"mail_domains": {"example.org": {}, "mta-sts.example.org": {"parked": True}}},
            f"mail_domains['mta-sts.example.org']: is {POLICY}, so it cannot be a mail domain;",
        ),
        (
            {"mail_hostname": "autodiscover.example.org"},
            f"mail_hostname: is autodiscover.example.org, {SETTINGS}; choose another name",
        ),
        (
            {"mail_tls_names": ["imap.example.org", "mta-sts.example.org"]},
            f"mail_tls_names[1]: is mta-sts.example.org, {POLICY}; choose another name",
        ),
        (
            {"mail_webmail": "autoconfig.example.org"},
            f"mail_webmail: is autoconfig.example.org, {SETTINGS}; choose another name",
        ),
        (
            {"mail_webmail": "mx.example.org"},
            "mail_webmail: is mx.example.org, a name of the mail host; choose a name of its own",
        ),
        (
            {"mail_webmail": "imap.example.org", "mail_tls_names": ["imap.example.org"]},
            "mail_webmail: is imap.example.org, a name of the mail host; choose a name of its own",
        ),
        (
            {"mail_webmail": "example.org"},
            "mail_webmail: is example.org, a mail domain; choose a name below it",
        ),
    ],
)
def test_a_name_that_is_wanted_twice_is_told(changes: dict[str, Any], expected: str) -> None:
    assert_told(check({**GOOD, **changes}), expected)


@pytest.mark.parametrize(
    "service",
    [
        {"mail_webmail": "webmail.example.org"},
        {"mail_dav": True},
        {"rspamd_web_password": "correct horse"},
        {"web_status_password": "correct horse"},
    ],
)
def test_a_service_without_the_web_server_is_told(service: dict[str, Any]) -> None:
    [name] = service
    assert check({**GOOD, **service}) == []
    assert check({**GOOD, **service, "mail_web": False}) == [
        f"{name}: needs the web server; remove it, or set mail_web to true"
    ]
    relay = {"mail_users": {}, "mail_postmaster": "postmaster@example.com"}
    assert check({**GOOD, **service, **relay}) == [
        f"{name}: has no effect without accounts; remove it, or add some to mail_users"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"mail_client_certificates": "required"},
            "logs in with users' passwords, which mail_client_certificates: required refuses;",
        ),
        (
            {"mail_tls_source": "self_signed"},
            "logs in to the mail host only if a CA has signed its certificate; remove it, or set",
        ),
        (
            {"mail_webmail": "https://webmail.example.org/"},
            "'https://webmail.example.org/' is not a domain name",
        ),
        ({"mail_webmail": "Webmail.example.org"}, "Webmail.example.org has upper-case letters"),
    ],
)
def test_a_webmail_that_cannot_work_is_told(changes: dict[str, Any], expected: str) -> None:
    settings = {**GOOD, "mail_webmail": "webmail.example.org", **changes}
    assert_told(check(settings), f"mail_webmail: {expected}")


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_domains": {"example.org": {}, "shop.example.org": {}}},
        {"mail_webmail": "webmail.example.org"},
        {"mail_webmail": ""},
        # A parked domain has no web names.
        {
            "mail_domains": {
                "example.org": {},
                "example.net": {"parked": True},
                "mta-sts.example.net": {},
            }
        },
    ],
)
def test_others_are_well(changes: dict[str, Any]) -> None:
    assert check({**GOOD, **changes}) == []


def test_without_a_web_server_the_names_are_free() -> None:
    domains: dict[str, Any] = {"example.org": {}, "autoconfig.example.org": {}}
    assert check({**GOOD, "mail_domains": domains, "mail_web": False}) == []
    host = {key: value for key, value in GOOD.items() if key != "mail_users"}
    assert check({**host, "mail_domains": domains, "mail_postmaster": "p@example.net"}) == []
