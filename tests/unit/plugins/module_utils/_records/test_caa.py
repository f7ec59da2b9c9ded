# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May the CA issue a certificate, judged as RFC 8659 and RFC 8657 tell it to, on our records."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import (
    mail_records,
)

from .settings import SETTINGS, table

CA = "letsencrypt.org"
ACCOUNT = "https://acme-v02.api.letsencrypt.org/acme/acct/1"
HOST = "mx.example.org"
WEB_NAMES = [f"{label}.example.org" for label in ("mta-sts", "autoconfig", "autodiscover")]

Zone = Mapping[tuple[str, str], list[str]]


def published(**settings: Any) -> Zone:
    changed = {**SETTINGS, "acme_ca_domain": CA, **settings}
    zone: Zone = table(mail_records(changed, acme_account_uri=ACCOUNT))
    return zone


def caa(zone: Zone, name: str) -> list[str]:
    """Return the CAA records that a resolver finds at a name, which may be an alias."""
    for _ in range(8):
        if (name, "CNAME") not in zone:
            break
        name = zone[name, "CNAME"][0].rstrip(".")
    return zone.get((name, "CAA"), [])


def relevant(zone: Zone, name: str) -> list[str]:
    """Return the relevant record set (RFC 8659 section 3): the first on the way to the root.

    The way leads through the parents of the name itself, not of the target of an alias.
    """
    while name:
        if found := caa(zone, name):
            return found
        name = name.partition(".")[2]
    return []


def properties(records: list[str], tag: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the CA and the parameters of each property of a kind (RFC 8659 section 4.2)."""
    for record in records:
        _flags, found, value = shlex.split(record)
        if found == tag:
            ca, *parameters = [part.strip() for part in value.split(";")]
            yield ca, dict(re.split(r"\s*=\s*", item, maxsplit=1) for item in parameters if item)


def may_issue(
    zone: Zone, name: str, method: str, account: str = ACCOUNT, ca: str = CA, wild: bool = False
) -> bool:
    """Whether a CA may issue a certificate for a name after such a validation."""
    records = relevant(zone, name)
    found = list(properties(records, "issue"))
    if wild:
        found = list(properties(records, "issuewild")) or found
    return not found or any(
        ca == issuer
        # Each restricts if it is there (RFC 8657 sections 3 and 4).
        and parameters.get("accounturi", account) == account
        and method in parameters.get("validationmethods", method).split(",")
        for issuer, parameters in found
    )


@pytest.mark.parametrize("challenge", ["dns-01", "http-01"])
@pytest.mark.parametrize("name", WEB_NAMES)
def test_web_names_get_certificates_as_the_web_server_validates_them(
    name: str, challenge: str
) -> None:
    zone = published(acme_challenge=challenge)
    assert (name, "CNAME") in zone, "the host's record applies to it as an alias"
    assert may_issue(zone, name, "http-01")
    assert may_issue(zone, HOST, challenge)


@pytest.mark.parametrize("name", [HOST, *WEB_NAMES])
def test_nobody_else_gets_one(name: str) -> None:
    zone = published()
    assert not may_issue(zone, name, "http-01", ca="ca.example")
    assert not may_issue(zone, name, "http-01", account=f"{ACCOUNT}2")
    assert not may_issue(zone, name, "tls-alpn-01")
    assert not may_issue(zone, name, "dns-01", wild=True)


def test_without_a_web_server_the_challenge_of_the_settings_is_the_only_one() -> None:
    zone = published(web=False)
    assert may_issue(zone, HOST, "dns-01")
    assert not may_issue(zone, HOST, "http-01")


def test_a_record_for_one_method_would_refuse_all_web_names() -> None:
    only_dns = f'0 issue "{CA}; accounturi={ACCOUNT}; validationmethods=dns-01"'
    zone = {**published(), (HOST, "CAA"): [only_dns]}
    assert not any(may_issue(zone, name, "http-01") for name in WEB_NAMES)
    assert may_issue(zone, WEB_NAMES[0], "dns-01")


def test_a_domain_s_own_record_does_not_count_for_an_alias_but_does_for_other_names() -> None:
    other = '0 issue "ca.example"'
    zone = {**published(), ("example.org", "CAA"): [other]}
    assert may_issue(zone, WEB_NAMES[0], "http-01")
    without_alias = {key: value for key, value in zone.items() if key != (WEB_NAMES[0], "CNAME")}
    assert not may_issue(without_alias, WEB_NAMES[0], "http-01")
    assert may_issue(without_alias, WEB_NAMES[0], "http-01", ca="ca.example")


def test_a_target_s_parents_do_not_count() -> None:
    zone = {
        ("mta-sts.shop.example", "CNAME"): ["mx.example.org."],
        ("example.org", "CAA"): ['0 issue ";"'],
    }
    assert may_issue(zone, "mta-sts.shop.example", "http-01")
    assert not may_issue(zone, "mx.example.org", "http-01")
