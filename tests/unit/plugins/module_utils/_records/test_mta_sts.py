# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of MTA-STS policies."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import (
    policy_id,
    policy_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import mail_records

from .settings import SETTINGS, table

ON = {**SETTINGS, "mta_sts": {"mode": "testing", "max_age": 86400}}
WEB, TXT = ("mta-sts.example.org", "CNAME"), ("_mta-sts.example.org", "TXT")
CERTIFIED = ["mta-sts.example.org"]


def both(settings: dict[str, Any], **host: Any) -> tuple[str | None, str | None]:
    """Return what happens to the two records of example.org: present, absent or None."""
    records = {
        (item["name"], item["type"]): item["state"] for item in mail_records(settings, **host)
    }
    return records.get(WEB), records.get(TXT)


def test_the_id_is_that_of_a_policy_with_all_mx_hosts() -> None:
    settings = {**ON, "backup_mx": {"mx3.Example.net": 30, "mx2.example.net": 20}}
    hosts = ["mx.example.org", "mx2.example.net", "mx3.example.net"]
    records = table(mail_records(settings))
    value = f"v=STSv1; id={policy_id(policy_text('testing', hosts, 86400))};"
    assert records[TXT] == [value]
    # RFC 8461 section 3.1.
    assert re.fullmatch(r"v=STSv1; id=[A-Za-z0-9]{1,32};", value)


def test_a_domain_may_have_a_policy_of_its_own() -> None:
    domains: dict[str, Any] = {
        "example.org": {"mta_sts": {"mode": "enforce"}},
        "example.com": {"mta_sts": {}},
        "parked.example": {"parked": True},
    }
    records = table(mail_records({**ON, "domains": domains, "web": False}))
    assert {name for name, _type in records if "mta-sts" in name} == {
        *("mta-sts.example.org", "_mta-sts.example.org"),
        *("mta-sts.example.com", "_mta-sts.example.com"),
    }
    assert records[TXT] != records["_mta-sts.example.com", "TXT"]


def test_the_id_is_that_of_the_policy_that_the_host_serves() -> None:
    found = table(mail_records(ON, mta_sts_ids={"example.org": "a1"}, web_names=CERTIFIED))
    assert found[TXT] == ["v=STSv1; id=a1;"]


def test_a_policy_is_announced_when_its_name_has_a_certificate_and_stays_without() -> None:
    served = {"example.org": "a1"}
    assert both(ON, mta_sts_ids=served, web_names=CERTIFIED) == ("present", "present")
    assert both(ON, mta_sts_ids=served, web_names=[]) == ("present", None)
    other = ["autoconfig.example.org"]
    assert both(ON, mta_sts_ids=served, web_names=other) == ("present", None)


def test_a_withdrawn_policy_keeps_its_records_until_the_host_serves_it_no_more() -> None:
    parked = {**ON, "domains": {"example.org": {"parked": True}}}
    served = {"example.org": "a1"}
    for settings in (SETTINGS, parked):
        assert both(settings, mta_sts_ids=served, web_names=CERTIFIED) == ("present", "present")
    assert both(SETTINGS, mta_sts_ids={}, web_names=CERTIFIED) == ("present", "absent")
    assert both(parked, mta_sts_ids={}, web_names=[]) == ("absent", "absent")


def test_a_run_that_does_not_know_the_policies_leaves_the_records_alone() -> None:
    parked = {**ON, "domains": {"example.org": {"parked": True}}}
    assert both(ON, web_names=[]) == ("present", None)
    assert both(SETTINGS, web_names=[]) == ("present", None)
    assert both(parked, web_names=[]) == (None, None)
