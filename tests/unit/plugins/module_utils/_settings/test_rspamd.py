# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ....settings import check

GOOD: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}},
    "mail_users": {"alice@example.org": {"password": "secret"}},
}


@pytest.mark.parametrize(
    "settings",
    [
        {"rspamd_reject_score": 12.5, "rspamd_junk_score": 5},
        {"rspamd_junk_score": 3},
        {"rspamd_greylist": True, "rspamd_greylist_score": 2.5, "rspamd_junk_score": 3},
        {"rspamd_senders": {"boss@partner.example": "permit", "spam.example": "reject"}},
        {"rspamd_senders": {"192.0.2.0/24": "permit", "2001:db8::1": "reject"}},
        {"rspamd_senders": {"a+b=c@lists.example": "permit"}},
        {"rspamd_account_limit": 0, "rspamd_domain_limit": 1000},
        {"rspamd_limits": {"alice@example.org": 5000, "example.org": 0}},
        {"rspamd_web_password": "correct horse"},
        {"rspamd_web_password": "correct horse", "rspamd_web_enable_password": "battery staple"},
        {"rspamd_web_password": "x" * 64},
    ],
)
def test_accepts_good_settings_of_the_filter(settings: dict[str, Any]) -> None:
    assert check({**GOOD, **settings}) == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"rspamd_reject_score": "15"},
            "rspamd_reject_score: must be a number above 0, up to 1000, not '15'",
        ),
        (
            {"rspamd_junk_score": 0},
            "rspamd_junk_score: must be a number above 0, up to 1000, not 0",
        ),
        (
            {"rspamd_junk_score": 15},
            "rspamd_junk_score: is 15, but must be less than rspamd_reject_score, which is 15",
        ),
        (
            {"rspamd_greylist": True, "rspamd_greylist_score": 7},
            "rspamd_greylist_score: is 7, but must be less than rspamd_junk_score, which is 6",
        ),
        (
            {"rspamd_senders": ["spam.example"]},
            "rspamd_senders: must be a dictionary keyed by address, domain or network",
        ),
        (
            {"rspamd_senders": {"spam.example": "deny"}},
            "rspamd_senders['spam.example']: must be one of permit, reject, not 'deny'",
        ),
        (
            {"rspamd_senders": {"Boss@partner.example": "permit"}},
            "rspamd_senders['Boss@partner.example']: Boss@partner.example has upper-case letters;"
            " write boss@partner.example",
        ),
        (
            {"rspamd_senders": {"a b@partner.example": "permit"}},
            "rspamd_senders['a b@partner.example']: 'a b@partner.example' is not an address",
        ),
        (
            {"rspamd_senders": {"*.partner.example": "permit"}},
            "rspamd_senders['*.partner.example']: '*.partner.example' is not a domain name",
        ),
        (
            {"rspamd_senders": {"192.0.2.1/24": "permit"}},
            "rspamd_senders['192.0.2.1/24']: 192.0.2.1/24 is not an address or network; write 192",
        ),
        (
            {"rspamd_senders": {"192.0.2": "permit"}},
            "rspamd_senders['192.0.2']: 192.0.2 is not an address or network such as 192.0.2.10 or",
        ),
        (
            {"rspamd_account_limit": -1},
            "rspamd_account_limit: must be a whole number from 0 to 1000000000, not -1",
        ),
        (
            {"rspamd_domain_limit": "1000/h"},
            "rspamd_domain_limit: must be a whole number from 0 to 1000000000, not '1000/h'",
        ),
        (
            {"rspamd_limits": {"alice": 5}},
            "rspamd_limits.alice: alice is not fully qualified; write all of it, as in"
            " mx.example.org",
        ),
        (
            {"rspamd_limits": {"alise@example.org": 5}},
            "rspamd_limits['alise@example.org']: is not one of mail_users; did you mean alice@exam",
        ),
        (
            {"rspamd_limits": {"example.net": 5}},
            "rspamd_limits['example.net']: is not one of mail_domains; did you mean example.org?",
        ),
        ({"rspamd_antivirus": "clamav"}, "rspamd_antivirus: must be true or false, not 'clamav'"),
        ({"rspamd_arc_sealing": True}, "rspamd_arc_sealing: is unknown; did you mean rspamd_arc_"),
        ({"rspamd_score_headers": "yes"}, "rspamd_score_headers: must be true or false, not 'yes'"),
    ],
)
def test_names_the_error_in_a_setting_of_the_filter(
    settings: dict[str, Any], expected: str
) -> None:
    errors = check({**GOOD, **settings})
    assert len(errors) == 1 and errors[0].startswith(expected), errors


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rspamd_web_password": "hunter2"}, "rspamd_web_password: must have 12 to 64 characters"),
        ({"rspamd_web_password": "x" * 65}, "rspamd_web_password: must have 12 to 64 characters"),
        (
            {"rspamd_web_password": 123456789012},
            "rspamd_web_password: must be a string; put it in quotes",
        ),
        (
            {"rspamd_web_password": "correct horse\n"},
            "rspamd_web_password: contains a line break or another control character, which a"
            " password cannot have",
        ),
        (
            {"rspamd_web_enable_password": "battery staple"},
            "rspamd_web_enable_password: has no effect without rspamd_web_password, which enables"
            " the interface; set both",
        ),
        (
            {
                "rspamd_web_password": "correct horse",
                "rspamd_web_enable_password": "correct horse",
            },
            "rspamd_web_enable_password: is the same as rspamd_web_password, with which one can"
            " only read; use another one",
        ),
    ],
)
def test_tells_what_is_wrong_with_the_web_interface_and_never_a_password(
    settings: dict[str, Any], expected: str
) -> None:
    assert check({**GOOD, **settings}) == [expected]
