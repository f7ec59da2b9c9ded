# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: certificates, their sources, and TLSA records."""

from __future__ import annotations

import pytest

from ....settings import check
from .good import CHAIN, GOOD, KEY, OTHER_CHAIN, PROVIDED, assert_one_error


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mail_tls_algorithms", [], "mail_tls_algorithms: is empty; remove it to use the default"),
        ("mail_tls_algorithms", "rsa", "mail_tls_algorithms: must be a list"),
        (
            "mail_tls_algorithms",
            ["ecdsa", "ed25519"],
            "mail_tls_algorithms[1]: must be one of ecdsa, rsa, not 'ed25519'",
        ),
        (
            "mail_tls_algorithms",
            ["rsa", "rsa"],
            "mail_tls_algorithms[1]: repeats 'rsa'; remove one of them",
        ),
        (
            "mail_tlsa_matching_types",
            [0, 1],
            "mail_tlsa_matching_types[0]: must be one of 1, 2, not 0",
        ),
        (
            "mail_tlsa_ports",
            [25, "465"],
            "mail_tlsa_ports[1]: must be a whole number from 1 to 65535, not '465'",
        ),
        ("mail_tlsa_ports", None, "mail_tlsa_ports: must be a list"),
        ("mail_tls_profile", "old", "mail_tls_profile: must be one of strict, modern, compatible"),
        (
            "mail_client_certificates",
            False,
            "mail_client_certificates: must be one of none, required, sufficient, not False",
        ),
        ("mail_mta_sts_outbound", "enforce", "mail_mta_sts_outbound: must be true or false, not"),
        ("mail_tls_profile", True, "mail_tls_profile: must be one of strict, modern, compatible"),
        ("mail_tls_source", "acme.sh", "mail_tls_source: must be one of acme, files, self_signed"),
        ("mail_tls_source", None, "mail_tls_source: must be one of acme, files, self_signed"),
        ("mail_tls_names", "mail.example.org", "mail_tls_names: must be a list"),
        ("mail_tls_names", ["mail"], "mail_tls_names[0]: mail is not fully qualified"),
        (
            "mail_tls_names",
            ["mail.example.org", "Mail.example.net"],
            "mail_tls_names[1]: Mail.example.net has upper-case letters; write mail.example.net",
        ),
        (
            "mail_tls_provided",
            {"ed25519": PROVIDED},
            "mail_tls_provided.ed25519: is 'ed25519'; expected one of ecdsa, rsa",
        ),
        ("mail_tls_provided", [PROVIDED], "mail_tls_provided: must be a dictionary keyed by algor"),
        (
            "mail_tls_provided",
            {"ecdsa": {"key": KEY}},
            "mail_tls_provided.ecdsa.chain: is missing; a key and its certificate go together",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {"chain": CHAIN}},
            "mail_tls_provided.ecdsa.key: is missing; a key and its certificate go together",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "cert": CHAIN}},
            "mail_tls_provided.ecdsa.cert: is unknown",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": "/root/hunter2.pem"}},
            "mail_tls_provided.ecdsa.key: must be the text of a PEM file with BEGIN PRIVATE KEY",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": CHAIN}},
            "mail_tls_provided.ecdsa.key: must be the text of a PEM file with BEGIN PRIVATE KEY",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": KEY}},
            "mail_tls_provided.ecdsa.chain: must be the text of a PEM file with BEGIN CERTIFICATE",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "key": KEY[:80] + "hunter2" + KEY[80:]}},
            "mail_tls_provided.ecdsa.key: is not a",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": OTHER_CHAIN}},
            "mail_tls_provided.ecdsa.chain: does not begin with the certificate of this key",
        ),
        (
            "mail_tls_provided",
            {"ecdsa": {**PROVIDED, "chain": OTHER_CHAIN + CHAIN}},
            "mail_tls_provided.ecdsa.chain: does not begin with the certificate of this key",
        ),
        ("mail_tlsa_ports", [0], "mail_tlsa_ports[0]: must be a whole number from 1 to 65535"),
        ("mail_tlsa_ports", [True], "mail_tlsa_ports[0]: must be a whole number from 1 to 65535"),
    ],
)
def test_names_each_error_once(name: str, value: object, expected: str) -> None:
    assert_one_error(name, value, expected)


def test_own_certificates_need_one_for_each_algorithm() -> None:
    settings = {"mail_tls_source": "files", "mail_tls_provided": {"ecdsa": PROVIDED}}
    assert check({**GOOD, **settings}) == [
        "mail_tls_provided.rsa: is missing; add the key and chain, or remove the algorithm from"
        " mail_tls_algorithms"
    ]


@pytest.mark.parametrize("source", ["files", "self_signed"])
def test_a_challenge_that_is_not_used_needs_no_key(source: str) -> None:
    settings = {
        "mail_tls_source": source,
        "mail_tls_algorithms": ["ecdsa"],
        "mail_tls_provided": {"ecdsa": PROVIDED},
        "acme_sh_dns_api": "dns_nsupdate",
    }
    assert check({**GOOD, **settings}) == []
