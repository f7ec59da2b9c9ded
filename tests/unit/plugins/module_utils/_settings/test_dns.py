# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DKIM selectors, and where records are published."""

from __future__ import annotations

import pytest

from .good import OCTODNS, RFC2136, assert_one_error, without


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "mail_dkim_selectors",
            {},
            "mail_dkim_selectors: has no active RSA key, and many receivers cannot verify",
        ),
        (
            "mail_dkim_selectors",
            {"e1": {"type": "ed25519"}},
            "mail_dkim_selectors: has no active RSA key, and many receivers cannot verify"
            " Ed25519; add a",
        ),
        (
            "mail_dkim_selectors",
            {"r_1": {"type": "rsa"}},
            "mail_dkim_selectors.r_1: 'r_1' is not a DKIM selector",
        ),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa"}, "x": {"type": "dsa"}},
            "mail_dkim_selectors.x.type: must be one of rsa, ed25519, not 'dsa'",
        ),
        ("mail_dkim_selectors", {"r1": {}}, "mail_dkim_selectors.r1.type: is missing"),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa", "state": "old"}},
            "mail_dkim_selectors.r1.state: must be one of future, active, retired, revoked, gone",
        ),
        (
            "mail_dkim_selectors",
            {"r1": {"type": "rsa", "state": "retired"}, "e1": {"type": "ed25519"}},
            "mail_dkim_selectors: has no active RSA key, and many receivers cannot verify",
        ),
        (
            "mail_domains",
            {"example.org": {"dkim_selectors": {"e1": {"type": "ed25519"}}}},
            "mail_domains['example.org'].dkim_selectors: has no active RSA key, and many"
            " receivers cannot verify",
        ),
        (
            "mail_domains",
            {
                "example.org": {},
                "example.net": {"parked": True, "dkim_selectors": {"r1": {"type": "rsa"}}},
            },
            "mail_domains['example.net'].dkim_selectors: has no effect, as a parked domain sends",
        ),
        (
            "mail_dkim_selectors",
            {"R1": {"type": "rsa"}},
            "mail_dkim_selectors.R1: R1 has upper-case letters; write r1",
        ),
        ("mail_dns", {"provider": "bind"}, "mail_dns.provider: must be one of zonefile, rfc2136"),
        (
            "mail_dns",
            without(OCTODNS, "provider_class"),
            "mail_dns.provider_class: is missing; provider octodns needs it",
        ),
        (
            "mail_dns",
            {**OCTODNS, "provider_class": "OvhProvider"},
            "mail_dns.provider_class: must be a class with its module, such as"
            " octodns_ovh.OvhProvider",
        ),
        (
            "mail_dns",
            {**OCTODNS, "provider_options": "hunter2!"},
            "mail_dns.provider_options: must",
        ),
        ("mail_dns", {**OCTODNS, "zones": ["a zone"]}, "mail_dns.zones[0]: 'a zone' is not a dom"),
        ("mail_dns", {"tll": 60}, "mail_dns.tll: is unknown; did you mean ttl?"),
        (
            "mail_dns",
            {"ttl": 0},
            "mail_dns.ttl: must be a whole number from 1 to 2147483647, not 0",
        ),
        ("mail_dns", {"path": ""}, "mail_dns.path: must be the path of a directory"),
        ("mail_dns", without(RFC2136, "tsig_name"), "mail_dns.tsig_name: is missing; provider"),
        ("mail_dns", without(RFC2136, "tsig_secret"), "mail_dns.tsig_secret: is missing; provider"),
        (
            "mail_dns",
            {**RFC2136, "tsig_secret": "hunter2!"},
            "mail_dns.tsig_secret: is not base64; copy the secret as tsig-keygen printed it",
        ),
        (
            "mail_dns",
            {**RFC2136, "tsig_algorithm": "hmac-md5"},
            "mail_dns.tsig_algorithm: must be one of hmac-sha256, hmac-sha384, hmac-sha512, not",
        ),
        (
            "mail_dns",
            {**RFC2136, "server": "198.18.0.53:53"},
            "mail_dns.server: contains a port; set that as mail_dns.port",
        ),
        ("mail_dns", {**RFC2136, "port": 70000}, "mail_dns.port: must be a whole number from 1 to"),
        ("mail_dns", {**RFC2136, "tsig_name": "a key"}, "mail_dns.tsig_name: 'a key' is not a dom"),
    ],
)
def test_names_each_error_once(name: str, value: object, expected: str) -> None:
    assert_one_error(name, value, expected)
