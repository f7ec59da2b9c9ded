# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where DMARC and TLS reports go."""

from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import mail_records

from .settings import SETTINGS, table, with_domain


@pytest.mark.parametrize(
    ("settings", "dmarc", "tls"),
    [
        ({}, "mailreports@example.org", "mailreports@example.org"),
        ({"reports": "log"}, "log@example.org", "log@example.org"),
        (with_domain(dmarc={"p": "none"}), "mailreports@example.org", "mailreports@example.org"),
        (with_domain(dmarc={"rua": ["mailto:d@example.org"]}), "d@example.org", "mailreports@exa"),
        ({"tls_rpt_rua": ["mailto:t@example.org"]}, "mailreports@example.org", "t@example.org"),
        (with_domain(dmarc={"rua": []}), "", "mailreports@example.org"),
        (with_domain(reports=False), "", ""),
        ({"reports": ""}, "", ""),
        # As the settings of all addresses have it, where somebody else may have this one.
        ({"report_addresses": {"example.org": "a@example.org"}}, "a@example.org", "a@example.org"),
        ({"report_addresses": {"example.net": "a@example.net"}}, "", ""),
    ],
)
def test_reports_go_to_the_own_address_of_a_domain_unless_its_settings_say_otherwise(
    settings, dmarc, tls
):
    records = table(mail_records({**SETTINGS, **settings}))
    [policy] = records["_dmarc.example.org", "TXT"]
    assert policy.partition("rua=mailto:")[2] == dmarc
    [asked] = records.get(("_smtp._tls.example.org", "TXT"), [""])
    assert asked.startswith(f"v=TLSRPTv1; rua=mailto:{tls}") if tls else not asked


def test_reports_about_tls_go_where_the_setting_says():
    rua = ["mailto:tls@example.org", "https://example.net/a,b;c"]
    records = table(mail_records({**SETTINGS, "tls_rpt_rua": rua}))
    assert records["_smtp._tls.example.org", "TXT"] == [
        "v=TLSRPTv1; rua=mailto:tls@example.org,https://example.net/a%2Cb%3Bc"
    ]


@pytest.mark.parametrize(
    ("target", "authorised", "pointed_out"),
    [
        ("example.org", False, False),
        ("sub.example.org", False, False),
        ("example.net", True, False),
        ("Example.NET", True, False),
        ("parked.example", False, True),
        ("elsewhere.example", False, True),
    ],
)
@pytest.mark.parametrize("tag", ["rua", "ruf"])
def test_reports_to_another_domain_are_authorised_there_or_pointed_out(
    tag, target, authorised, pointed_out
):
    domains = {
        "example.org": {"dmarc": {tag: [f"mailto:a@{target}", f"mailto:b@{target}"]}},
        "example.net": {},
        "parked.example": {"parked": True},
    }
    records = mail_records({**SETTINGS, "domains": domains})
    name = f"example.org._report._dmarc.{target.lower()}"
    found = {r["name"]: r["values"] for r in records if "_report" in r["name"]}
    assert found == ({name: ["v=DMARC1"]} if authorised else {})
    (reason,) = [r["reason"] for r in records if r["name"] == "_dmarc.example.org"]
    assert (f"publish {name} TXT v=DMARC1" in reason) is pointed_out
