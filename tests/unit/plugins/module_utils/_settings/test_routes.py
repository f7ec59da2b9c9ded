# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each wrong setting of the ways by which mail leaves is told by its name, with the remedy."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ....settings import check

GOOD: dict[str, Any] = {
    "mail_hostname": "mx.example.org",
    "mail_domains": {"example.org": {}, "parked.example.org": {"parked": True}},
    "mail_users": {
        "alice@example.org": {
            "password": "hunter2",
            "aliases": ["al@example.org"],
            "senders": ["alice@elsewhere.example", "@other.example"],
        }
    },
    "mail_postmaster": "alice@example.org",
    "mail_aliases": {"info@example.org": ["alice@example.org"]},
}
HOST: dict[str, Any] = {"host": "smtp.example.net"}
LOGIN: dict[str, Any] = {**HOST, "username": "us", "password": "hunter3"}


def problems(**settings: Any) -> list[str]:
    return check({**GOOD, **settings}, today=datetime.date(2026, 11, 20))


def smarthosts(sender: str = "*", **smarthost: Any) -> dict[str, Any]:
    return {"mail_smarthosts": {sender: smarthost}}


def policy(value: Any, destination: str = "example.net") -> dict[str, Any]:
    return {"mail_tls_policy": {destination: value}}


ROUTER: dict[str, Any] = {
    "mail_users": {},
    "mail_aliases": {},
    "mail_postmaster": "ops@example.net",
}


def relay(domain: str = "example.net", **options: Any) -> dict[str, Any]:
    return {"mail_relay_domains": {domain: options}}


@pytest.mark.parametrize(
    "settings",
    [
        {"mail_srs": False},
        smarthosts(**HOST),
        smarthosts(**LOGIN, port=465, spf_include="_spf.example.net"),
        smarthosts(**HOST, username="us@example.net", password="p:a ss%'\"\\"),
        smarthosts("example.org", **LOGIN),
        smarthosts("mx.example.org", **LOGIN),
        smarthosts("elsewhere.example", **LOGIN),
        *(
            smarthosts(f"{sender}", **LOGIN)
            for sender in (
                "alice@example.org",
                "al@example.org",
                "info@example.org",
                "postmaster@example.org",
                "alice@elsewhere.example",
                "any@other.example",
            )
        ),
        *(policy(level) for level in ("none", "may", "encrypt", "dane", "dane-only", "verify")),
        policy("secure", ".example.net"),
        policy("secure", "[smtp.example.net]"),
        policy("encrypt", "[2001:db8::1]:2525"),
        policy({"level": "secure", "match": ["mx.example.com", ".example.com"]}),
        {**smarthosts(**LOGIN), **policy("dane-only", "[smtp.example.net]:587")},
        {"mail_relay_domains": {"example.net": {}}},
        relay(host="mx.example.net", port=2525, recipients=["bob@example.net"]),
        {"mail_relay_networks": ["198.51.100.7", "10.0.0.0/8", "2001:db8::/32", "fc00::/7"]},
        ROUTER,
        {**ROUTER, **relay("example.org", host="mail.example.org")},
        {**ROUTER, **relay("example.org"), "mail_postmaster": "ops@example.org"},
        # Without a password there is nothing to lose.
        {**smarthosts(**HOST), **policy("may", "[smtp.example.net]:587")},
    ],
)
def test_accepts_good_settings(settings: dict[str, Any]) -> None:
    assert problems(**settings) == []


ALL = "mail_smarthosts['*']"
NET = "mail_tls_policy['example.net']"
RELAY = "mail_relay_domains['example.net']"
NETWORK = "mail_relay_networks[0]"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mail_srs": "yes"}, "mail_srs: must be true or false, not 'yes'"),
        ({"mail_smarthosts": ["smtp.example.net"]}, "mail_smarthosts: must be a dictionary keyed "),
        ({"mail_smarthost": "smtp.example.net"}, "mail_smarthost: is unknown; did you mean mail_s"),
        ({"mail_smarthosts": {"*": "smtp.example.net"}}, f"{ALL}: must be a dictionary with any o"),
        (smarthosts(), f"{ALL}.host: is missing; set the name of the server, such as"),
        (smarthosts(hosts="smtp.example.net"), f"{ALL}.hosts: is unknown; did you mean host?"),
        (smarthosts(host="198.18.0.20"), f"{ALL}.host: 198.18.0.20 is an IP address"),
        (smarthosts(host="smtp.example.net:587"), f"{ALL}.host: 'smtp.example.net:587' is not a d"),
        (smarthosts(**HOST, port="587"), f"{ALL}.port: must be a whole number from 1 to 65535"),
        (smarthosts(**HOST, username="us"), f"{ALL}.password: is missing; username has no effect"),
        (smarthosts(**HOST, password="x"), f"{ALL}.username: is missing; password has no effect"),
        (smarthosts(**{**LOGIN, "username": "a:b"}), f"{ALL}.username: must be ASCII without spac"),
        (smarthosts(**{**LOGIN, "username": 7}), f"{ALL}.username: must be ASCII without spaces a"),
        (smarthosts(**{**LOGIN, "password": " x"}), f"{ALL}.password: must be a string of ASCII"),
        (smarthosts(**{**LOGIN, "password": "a\nb"}), f"{ALL}.password: must be a string of ASCII"),
        (smarthosts(**{**LOGIN, "password": "a\n"}), f"{ALL}.password: must be a string of ASCII"),
        (smarthosts(**{**LOGIN, "password": ""}), f"{ALL}.password: must be a string of ASCII"),
        (smarthosts(**HOST, spf_include="include:a.example"), f"{ALL}.spf_include: 'include:a.exa"),
        (smarthosts("Example.org", **HOST), "mail_smarthosts['Example.org']: Example.org has uppe"),
        (smarthosts("exampel.org", **HOST), "mail_smarthosts['exampel.org']: is for exampel.org, w"
         "hich is neither one of mail_domains nor the domain of an account's senders; did you mean "
         "example."),
        (smarthosts("alise@example.org", **HOST), "mail_smarthosts['alise@example.org']: is for an"
         " address that no account may send as; did you mean alice@example.org?"),
        (smarthosts("bob@elsewhere.example", **HOST), "mail_smarthosts['bob@elsewhere.example']: i"
         "s for an address that no account may send as; did you mean alice@elsewhere.example?"),
        (smarthosts("parked.example.org", **HOST), "mail_smarthosts['parked.example.org']: is for "
         "parked.example.org, which is parked and sends no mail; remove it"),
        (
            {
                **smarthosts(**HOST, spf_include="_spf.example.net"),
                "mail_domains": {
                    "example.org": {"spf": {"include": [f"s{i}.example.net" for i in range(9)]}}
                },
            },
            "mail_smarthosts: makes an SPF record of example.org with 11 DNS lookups;"
            " receivers make 10",
        ),
        ({"mail_tls_policy": "secure"}, "mail_tls_policy: must be a dictionary keyed by destinati"),
        (policy("secured"), f"{NET}: must be one of none, may, encrypt, dane, dane-only, verify, "),
        (policy(True), f"{NET}: must be one of none, may"),
        (policy({"levl": "secure"}), f"{NET}.levl: is unknown; did you mean level?"),
        (policy({"match": ["mx.example.com"]}), f"{NET}.level: is missing; set it to one of none,"),
        (policy({"level": "secure", "match": "a.b"}), f"{NET}.match: must be a list"),
        (policy({"level": "secure", "match": ["*.a.b"]}), f"{NET}.match[0]: '*.a.b' is not a doma"),
        (policy({"level": "dane", "match": ["a.b"]}), f"{NET}.match: has no effect with dane, whi"),
        (policy("may", "*"), "mail_tls_policy['*']: '*' is not a domain name"),
        (policy("may", "bob@example.net"), "mail_tls_policy['bob@example.net']: 'bob@example.net'"),
        (policy("may", "[example.net]:0"), "mail_tls_policy['[example.net]:0']: [example.net]:0 h"),
        (policy("may", "[smtp]"), "mail_tls_policy['[smtp]']: smtp is not fully qualified"),
        ({**smarthosts(**LOGIN), **policy("encrypt", "[smtp.example.net]:587")},
         "mail_tls_policy['[smtp.example.net]:587']: is encrypt, which exposes the"
            " password of that smarthost to"),
        ({"mail_relay_domains": ["a.b"]}, "mail_relay_domains: must be a dictionary keyed by doma"),
        (relay(hosts="mx.example.net"), f"{RELAY}.hosts: is unknown; did you mean host?"),
        (relay(host="198.18.0.20"), f"{RELAY}.host: 198.18.0.20 is an IP address"),
        (relay(host="mx.example.org"), f"{RELAY}.host: is mail_hostname itself; set the server wi"),
        (relay(port=2525), f"{RELAY}.port: has no effect without host"),
        (relay(recipients=[]), f"{RELAY}.recipients: is empty; remove it to use the default"),
        (relay(recipients=["bob"]), f"{RELAY}.recipients[0]: 'bob' is not an address"),
        (relay(recipients=["a@example.com"]), f"{RELAY}.recipients[0]: is in example.com; list it"),
        (relay("example.org"), "mail_relay_domains['example.org']: is one of mail_domains, whose"),
        (relay("mx.example.org"), "mail_relay_domains['mx.example.org']: is mail_hostname, whose"),
        ({"mail_relay_networks": "10.0.0.0/8"}, "mail_relay_networks: must be a list"),
        ({"mail_relay_networks": ["mx.a.b"]}, f"{NETWORK}: mx.a.b is not an address or network su"),
        ({"mail_relay_networks": ["10.0.0.1/24"]}, f"{NETWORK}: 10.0.0.1/24 is not an address or "
         "network; write 10.0.0.0/24"),
        *(
            ({"mail_relay_networks": [network]}, f"{NETWORK}: {network} covers much of the Interne")
            for network in ("0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3")
        ),
        ({**ROUTER, "mail_postmaster": ""}, "mail_users: is empty; add an account, or for a host"),
        ({**ROUTER, "mail_postmaster": "ops@example.org"}, "mail_postmaster: is in example.org, w"),
        ({**ROUTER, "mail_postmaster": "a@mx.example.org"}, "mail_postmaster: is in mx.example."),
        ({**ROUTER, "mail_postmaster": "ops"}, "mail_postmaster: 'ops' is not an address"),
        (relay("Example.net"), "mail_relay_domains['Example.net']: Example.net has upper-case let"),
    ],
)  # fmt: skip
def test_names_what_is_wrong_and_what_would_be_right(
    settings: dict[str, Any], expected: str
) -> None:
    found = problems(**settings)
    assert len(found) == 1, found
    assert found[0].startswith(expected), found
    assert "hunter" not in found[0]
