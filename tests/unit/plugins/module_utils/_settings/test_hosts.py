# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.hosts import contested

MX: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}, "example.net": {"parked": True}},
    "mail_dns": {"zones": ["example.org"]},
}


@pytest.mark.parametrize(
    ("other", "where"),
    [
        ({"mail_domains": {"example.org": {}}}, "mail_domains['example.org']"),
        ({"mail_domains": {"example.org": {"parked": True}}}, "mail_domains['example.org']"),
        ({"mail_domains": {"example.net": {}}}, "mail_domains['example.net']"),
        ({"mail_hostname": "mx.example.org"}, "mail_hostname"),
        ({"mail_hostname": "example.org"}, "mail_domains['example.org']"),
        ({"mail_domains": {"mx.example.org": {}}}, "mail_hostname"),
        ({"mail_dns": {"zones": ["example.org"]}}, "mail_dns.zones"),
    ],
)
def test_what_two_hosts_claim_is_told_to_each_with_both_names(
    other: dict[str, Any], where: str
) -> None:
    hosts = {"mx": MX, "mx2": other}
    ((place, what),) = contested("mx", hosts)
    assert place == where and "mx and mx2" in what
    assert ["mx2 and mx" in what for where, what in contested("mx2", hosts)] == [True]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"mail_hostname": "mx2.example.org", "mail_domains": {"shop.example.org": {}}},
        {"mail_domains": {"example.net": {"parked": True}}},
        {"mail_domains": ["example.org"], "mail_hostname": None, "mail_dns": "zonefile"},
        {"mail_dns": {"zones": ["example.org"], "path": "/srv/zones/mx2"}},
        {"mail_dns": {"zones": ["example.org"], "provider": "rfc2136"}},
    ],
)
def test_other_names_and_other_files_are_nobody_elses_business(other: dict[str, Any]) -> None:
    assert list(contested("mx", {"mx": MX, "mx2": other})) == []
