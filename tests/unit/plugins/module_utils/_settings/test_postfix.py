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
ZEN = {"zen.spamhaus.org": {"127.0.0.[2..11]": 3}}
ZEN_ANSWERS = "postfix_dnsbls['zen.spamhaus.org']"


@pytest.mark.parametrize(
    "settings",
    [
        {"postfix_dnsbls": ZEN},
        {"postfix_dnsbls": {"list.dnswl.org": {"127.0.[0..255].[2;3]": -2, "127.0.2.1": -1}}},
        {"postfix_dnsbls": {**ZEN, "bl.example": {"127.0.0.2": 2}}, "postfix_dnsbl_threshold": 5},
        {"postfix_dnsbls": ZEN, "resolver_extra": 'forward-zone:\n  name: "example.net"'},
        {"postfix_clients": {"192.0.2.10": "permit", "2001:db8::/32": "reject"}},
        {"postfix_client_names": "forward_confirmed", "postfix_client_connections": 0},
        {"postfix_header_checks": [r"/^Subject:.*\/ etc/i REJECT", "!/^To:/ WARN no To"]},
        {"postfix_body_checks": ["/^x/ PREPEND X-Found: x"]},
        {"postfix_address_preference": "ipv4", "postfix_message_size_limit": 65536},
        {"postfix_hide_clients": False, "postfix_hidden_headers": []},
        {"postfix_tls_days": 0},
        {"rspamd_greylist": True, "rspamd_greylist_delay": 60},
    ],
)
def test_accepts_good_settings_of_port_25(settings: dict[str, Any]) -> None:
    assert check({**GOOD, **settings}) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("postfix_client_connections", 301, "postfix_client_connections: must be a whole number"),
        ("postfix_tls_days", -1, "postfix_tls_days: must be a whole number"),
        ("postfix_dnsbls", ["zen.spamhaus.org"], "postfix_dnsbls: must be a dictionary keyed by"),
        ("postfix_dnsbls", {"zen": {"127.0.0.2": 3}}, "postfix_dnsbls.zen: zen is not fully"),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {}},
            f"{ZEN_ANSWERS}: is empty; set the weights of the list's answers, such as",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": 3},
            f"{ZEN_ANSWERS}: must be a dictionary keyed by pattern of answers, such as"
            " 127.0.0.[2..11]",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.2-11": 3}},
            f"{ZEN_ANSWERS}['127.0.0.2-11']: '127.0.0.2-11' is not a pattern of answers, such as",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.[11..2]": 3}},
            f"{ZEN_ANSWERS}['127.0.0.[11..2]']: '127.0.0.[11..2]' is not a pattern of"
            " answers, such as",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.[2..256]": 3}},
            f"{ZEN_ANSWERS}['127.0.0.[2..256]']: '127.0.0.[2..256]' is not a pattern of"
            " answers, such as",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"192.0.2.1": 3}},
            f"{ZEN_ANSWERS}['192.0.2.1']: 192.0.2.1 is not in 127.0.0.0/8, the network of DNSBL",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.[0..255].[0..255].[0..255]": 3}},
            f"{ZEN_ANSWERS}['127.[0..255].[0..255].[0..255]']: 127.[0..255].[0..255].[0..255]"
            " includes 127.0.0.1 or 127.255.255.0/24, which mean that a query was refused;"
            " use",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.[1..11]": 3}},
            f"{ZEN_ANSWERS}['127.0.0.[1..11]']: 127.0.0.[1..11] includes 127.0.0.1 or"
            " 127.255.255.0/24,",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.2": 0}},
            f"{ZEN_ANSWERS}['127.0.0.2']: is 0, which has no effect; remove it",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.2": "3"}},
            f"{ZEN_ANSWERS}['127.0.0.2']: must be a whole number from -100 to 100, not '3'",
        ),
        (
            "postfix_dnsbls",
            {"zen.spamhaus.org": {"127.0.0.2": 2}},
            "postfix_dnsbl_threshold: is 3, but all weights add up to 2, so it is never"
            " reached; lower it",
        ),
        ("postfix_dnsbl_threshold", 0, "postfix_dnsbl_threshold: must be a whole number from 1 to"),
        (
            "postfix_clients",
            {"192.0.2.1/24": "reject"},
            "postfix_clients['192.0.2.1/24']: 192.0.2.1/24 is not an address or network; write 192"
            ".0.2.0/24",
        ),
        (
            "postfix_clients",
            {"mail.example.net": "permit"},
            "postfix_clients['mail.example.net']: mail.example.net is not an address or"
            " network such as 192.0.2.10 or 2001:db8::/32",
        ),
        (
            "postfix_clients",
            {"192.0.2.1": "ok"},
            "postfix_clients['192.0.2.1']: must be one of permit, reject, not 'ok'",
        ),
        (
            "postfix_client_names",
            "fcrdns",
            "postfix_client_names: must be one of score, reverse, forward_confirmed, not 'fcrdns'",
        ),
        (
            "postfix_client_message_rate",
            "10/min",
            "postfix_client_message_rate: must be a whole number from 0 to 2147483647, not '10/min",
        ),
        (
            "postfix_message_size_limit",
            "50M",
            "postfix_message_size_limit: must be a whole number from 65536 to 2147483647, not '50M",
        ),
        ("postfix_header_checks", "/x/ REJECT", "postfix_header_checks: must be a list"),
        (
            "postfix_header_checks",
            ["^Subject: spam REJECT"],
            "postfix_header_checks[0]: must be a pattern between slashes and an action, such as",
        ),
        (
            "postfix_header_checks",
            ["/^Subject: a/b/ REJECT"],
            "postfix_header_checks[0]: must be a pattern between slashes and an action, such as",
        ),
        (
            "postfix_body_checks",
            ["/spam/ DISCARD"],
            "postfix_body_checks[0]: has DISCARD, which loses mail silently; use REJECT or HOLD",
        ),
        (
            "postfix_body_checks",
            ["/spam/ REJEKT"],
            "postfix_body_checks[0]: has the unknown action REJEKT; did you mean REJECT?",
        ),
        (
            "postfix_mime_header_checks",
            ["/spam/ FILTER smtp:[192.0.2.1]"],
            "postfix_mime_header_checks[0]: has FILTER, for which there is no transport; use"
            " another",
        ),
        (
            "postfix_mime_header_checks",
            ["/spam/ REDIRECT"],
            "postfix_mime_header_checks[0]: has REDIRECT without its text; add it",
        ),
        (
            "postfix_mime_header_checks",
            ["/spam/ REJECT\n/ham/ HOLD"],
            "postfix_mime_header_checks[0]: must be one line of ASCII, such as /^Subject:"
            " .*you have",
        ),
        (
            "postfix_address_preference",
            "IPv6",
            "postfix_address_preference: must be one of ipv6, ipv4, any, not 'IPv6'",
        ),
        (
            "postfix_hidden_headers",
            ["X-Mailer:"],
            "postfix_hidden_headers[0]: must be the name of a header field, such as X-Mailer, not",
        ),
        (
            "postfix_hidden_headers",
            ["User-Agent", "From"],
            "postfix_hidden_headers[1]: is From, which messages need; remove it",
        ),
        ("postfix_dnsbl", ZEN, "postfix_dnsbl: is unknown; did you mean postfix_dnsbls?"),
        ("rspamd_greylist", "on", "rspamd_greylist: must be true or false, not 'on'"),
        (
            "rspamd_greylist_delay",
            86400,
            "rspamd_greylist_delay: must be a whole number from 1 to 86399, not 86400",
        ),
    ],
)
def test_names_the_error_in_a_setting_of_port_25(name: str, value: object, expected: str) -> None:
    errors = check({**GOOD, name: value})
    assert len(errors) == 1 and errors[0].startswith(expected), errors


def test_lists_cannot_be_asked_through_a_resolver_elsewhere() -> None:
    forward = "forward-zone:\n    name: .\n    forward-addr: 192.0.2.53\n"
    (error,) = check({**GOOD, "postfix_dnsbls": ZEN, "resolver_extra": forward})
    assert error.startswith("postfix_dnsbls: needs the host's own resolver")
