# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host, its domains and what is published for them."""

from __future__ import annotations

import pytest

from ....settings import check
from .good import GOOD, assert_one_error


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mail_hostname", "mx", "mail_hostname: mx is not fully qualified"),
        ("mail_hostname", "198.18.0.10", "mail_hostname: 198.18.0.10 is an IP address"),
        ("mail_hostname", "mx_1.example.org", "mail_hostname: 'mx_1.example.org' is not a domain"),
        ("mail_hostname", "mx.straße.example", "mail_hostname: mx.straße.example means mx.strasse"),
        (
            "mail_hostname",
            "mx.müller.example",
            "mail_hostname: mx.müller.example has non-ASCII letters; write"
            " mx.xn--mller-kva.example",
        ),
        (
            "mail_hostname",
            "MX.example.org",
            "mail_hostname: MX.example.org has upper-case letters; write mx.example.org",
        ),
        ("mail_hostname", None, "mail_hostname: must be a string"),
        ("mail_domain", "example.org", "mail_domain: is unknown; did you mean mail_domains?"),
        ("mail_domains", ["example.org"], "mail_domains: must be a dictionary keyed by domain"),
        ("mail_domains", {}, "mail_domains: is missing or empty"),
        (
            "mail_domains",
            {"example.org": None},
            "mail_domains['example.org']: must be a dictionary with any of the keys spf, dmarc,",
        ),
        (
            "mail_domains",
            {"example.org": {}, "exa mple.org": {}},
            "mail_domains['exa mple.org']: 'exa mple.org' is not a domain name",
        ),
        (
            "mail_domains",
            {"example.org": {}, "Example.ORG": {}},
            "mail_domains['Example.ORG']: Example.ORG has upper-case letters; write example.org",
        ),
        (
            "mail_domains",
            {"example.org": {}, "Müller.example": {}},
            "mail_domains['Müller.example']: Müller.example has non-ASCII letters; write"
            " xn--mller-kva.example",
        ),
        (
            "mail_domains",
            {"example.org": {}, 7: {}},
            "mail_domains[7]: is not a string; put the domain in quotes",
        ),
        (
            "mail_domains",
            {"example.org": {"dmark": {}}},
            "mail_domains['example.org'].dmark: is unknown; did you mean dmarc?",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"al": "-all"}}},
            "mail_domains['example.org'].spf.al: is unknown; did you mean all?",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"all": "+all"}}},
            "mail_domains['example.org'].spf.all: must be one of -all, ~all, not '+all'",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": "_spf.example.net"}}},
            "mail_domains['example.org'].spf.include: must be a list",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": ["include:_spf.example.net"]}}},
            "mail_domains['example.org'].spf.include[0]: 'include:_spf.example.net' is not a",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"p": "rejct"}}},
            "mail_domains['example.org'].dmarc.p: must be one of none, quarantine, reject, not",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"aspf": "relaxed"}}},
            "mail_domains['example.org'].dmarc.aspf: must be one of r, s, not 'relaxed'",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"pct": 100}}},
            "mail_domains['example.org'].dmarc.pct: is no longer part of DMARC (RFC 9989)",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["postmaster@example.org"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: must be a URI such as"
            " mailto:postmaster@example.org, not",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["mailto:a@b@example.org; x=y"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: must be a URI such as"
            " mailto:postmaster@example.org, not",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"rua": ["mailto:a@example.org!10m"]}}},
            "mail_domains['example.org'].dmarc.rua[0]: has a size limit, which is no longer"
            " part of DMARC (RFC",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"ruf": ["https://example.org/"]}}},
            "mail_domains['example.org'].dmarc.ruf[0]: must be a URI such as"
            " mailto:postmaster@example.org, not",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"ruf": ["mailto:a@example.org"], "fo": ["1"]}}},
            "mail_domains['example.org'].dmarc.fo[0]: must be one of 0, 1, d, s, not '1'",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"fo": [1]}}},
            "mail_domains['example.org'].dmarc.fo: has no effect without ruf",
        ),
        (
            "mail_domains",
            {"example.org": {"dmarc": {"t": True}}},
            "mail_domains['example.org'].dmarc.t: must be one of y, n, not True",
        ),
        (
            "mail_domains",
            {"example.org": {"spf": {"include": [f"s{i}.example.net" for i in range(10)]}}},
            "mail_domains['example.org'].spf.include: makes an SPF record with 11 DNS"
            " lookups, not counting those of the included records; receivers make 10 (RFC"
            " 7208 section",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parkd": True}},
            "mail_domains['example.net'].parkd: is unknown; did you mean parked?",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": "yes"}},
            "mail_domains['example.net'].parked: must be true or false, not 'yes'",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": True, "spf": {}}},
            "mail_domains['example.net'].spf: has no effect, as a parked domain sends no mail",
        ),
        (
            "mail_domains",
            {"example.org": {"parked": True}},
            "mail_users['alice@example.org']: is in example.org, which is parked; remove"
            " parked from that",
        ),
        (
            "mail_domains",
            {"example.org": {}, "mx.example.org": {"parked": True}},
            "mail_hostname: is mx.example.org, a parked domain; remove parked from that",
        ),
        (
            "mail_domains",
            {
                "example.org": {"dmarc": {"rua": ["mailto:a@example.net"]}},
                "example.net": {"parked": True},
            },
            "mail_domains['example.org'].dmarc.rua[0]: is in example.net, which is parked",
        ),
        (
            "mail_host_addresses",
            ["mx.example.org"],
            "mail_host_addresses[0]: must be an IP address, such as 192.0.2.10 or"
            " 2001:db8::10, not",
        ),
        (
            "mail_host_addresses",
            ["10.0.0.1"],
            "mail_host_addresses[0]: is 10.0.0.1, which is not reachable from the Internet;"
            " set the",
        ),
        (
            "mail_host_addresses",
            ["fd00::1"],
            "mail_host_addresses[0]: is fd00::1, which is not reachable from the Internet; set",
        ),
        ("mail_host_addresses", "198.18.0.10", "mail_host_addresses: must be a list"),
        ("mail_backup_mx", ["mx2.example.net"], "mail_backup_mx: must be a dictionary keyed by"),
        (
            "mail_backup_mx",
            {"mx2.example.net": 10},
            "mail_backup_mx['mx2.example.net']: must be a whole number from 11 to 65535, not 10",
        ),
        (
            "mail_backup_mx",
            {"198.18.0.20": 20},
            "mail_backup_mx['198.18.0.20']: 198.18.0.20 is an IP address; write a name",
        ),
        (
            "mail_backup_mx",
            {"mx.example.org": 20},
            "mail_backup_mx['mx.example.org']: is mail_hostname itself; remove it",
        ),
        (
            "mail_backup_mx",
            {f"mx{i}.example.net": 20 for i in range(10)},
            "mail_backup_mx: has 10 hosts; SPF allows 10 with this server (RFC 7208 section 4.6.4)",
        ),
        (
            "mail_mta_sts",
            {"max_age": 86400},
            "mail_mta_sts.mode: is missing; set it to one of none, testing, enforce",
        ),
        ("mail_mta_sts", {"mode": "enforced"}, "mail_mta_sts.mode: must be one of none, testing"),
        (
            "mail_mta_sts",
            {"mode": "enforce", "maxage": 1},
            "mail_mta_sts.maxage: is unknown; did you mean max_age?",
        ),
        (
            "mail_mta_sts",
            {"mode": "enforce", "max_age": 40000000},
            "mail_mta_sts.max_age: must be a whole number from 1 to 31557600, not 40000000",
        ),
        (
            "mail_domains",
            {"example.org": {"mta_sts": {"max_age": 86400}}},
            "mail_domains['example.org'].mta_sts.mode: is missing; set it to one of none, testing",
        ),
        (
            "mail_domains",
            {"example.org": {"mta_sts": {"mode": "testing", "max_age": 0}}},
            "mail_domains['example.org'].mta_sts.max_age: must be a whole number from 1 to",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": True, "mta_sts": {"mode": "none"}}},
            "mail_domains['example.net'].mta_sts: has no effect, as a parked domain receives no",
        ),
        ("mail_maturity", "strict", "mail_maturity: must be true or false, not 'strict'"),
        (
            "mail_domains",
            {"example.org": {"reports": False, "maturity": True}},
            "mail_domains['example.org'].maturity: needs reports of other servers about",
        ),
        (
            "mail_domains",
            {"example.org": {}, "example.net": {"parked": True, "maturity": True}},
            "mail_domains['example.net'].maturity: has no effect, as a parked domain exchanges no",
        ),
        (
            "mail_tls_rpt_rua",
            ["tls@example.org"],
            "mail_tls_rpt_rua[0]: must be a URI such as mailto:postmaster@example.org, not",
        ),
        ("mail_tls_rpt_rua", "mailto:tls@example.org", "mail_tls_rpt_rua: must be a list"),
        ("mail_srv_records", "yes", "mail_srv_records: must be true or false, not 'yes'"),
        ("mail_srv_record", True, "mail_srv_record: is unknown; did you mean mail_srv_records?"),
        ("mail_web", 1, "mail_web: must be true or false, not 1"),
    ],
)
def test_names_each_error_once(name: str, value: object, expected: str) -> None:
    assert_one_error(name, value, expected)


def test_a_policy_is_not_enforced_with_certificates_that_nobody_trusts() -> None:
    settings = {
        "mail_tls_source": "self_signed",
        "mail_mta_sts": {"mode": "enforce"},
        "mail_domains": {
            "example.org": {"mta_sts": {"mode": "enforce"}},
            "example.net": {"mta_sts": {"mode": "testing"}},
        },
    }
    advice = (
        "is enforce, but senders would refuse the certificates of mail_tls_source self_signed; set"
        " testing until you have others"
    )
    assert check({**GOOD, **settings}) == [
        f"mail_domains['example.org'].mta_sts.mode: {advice}",
        f"mail_mta_sts.mode: {advice}",
    ]


def test_policies_become_stricter_only_where_reports_arrive() -> None:
    domains = {
        "example.org": {"reports": False},
        "example.net": {"reports": False, "maturity": False},
        "example.com": {"parked": True},
    }
    settings = {**GOOD, "mail_domains": domains, "mail_maturity": True}
    assert check(settings) == [
        "mail_maturity: needs reports of other servers about example.org; remove reports from"
        " mail_domains['example.org'], or set maturity to false there"
    ]
    settings |= {"mail_domains": {"example.org": {}}, "mail_reports": ""}
    assert check(settings) == ["mail_maturity: needs reports of other servers; set mail_reports"]
