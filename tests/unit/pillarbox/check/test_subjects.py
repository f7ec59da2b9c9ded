# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single checks conclude; test_check.py in the lab has them with real daemons and DNS."""

from __future__ import annotations

import base64
import hashlib

import dns.name
import dns.rdata
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from pillarbox.check import domains, keys, lists, mta_sts, names, served
from pillarbox.check.finding import CRITICAL, NOTE, OK, WARNING
from pillarbox.check.settings import tags
from pillarbox.lookup import Answer
from pillarbox.services.dnsbls import is_listing

CURRENT, NEXT, STRANGE = b"current", b"next", b"strange"
FORMER = b"former"
RING = {
    "the current rsa key": CURRENT,
    "the next rsa key": NEXT,
    "the previous rsa key": FORMER,
}


@pytest.mark.parametrize(
    ("source", "own", "status"),
    [
        ("192.0.2.1", ["192.0.2.1"], OK),
        ("192.0.2.7", ["192.0.2.1"], CRITICAL),
        # Behind a router that translates, or a carrier's.
        ("10.1.2.3", ["192.0.2.1"], NOTE),
        ("172.31.0.9", ["192.0.2.1"], NOTE),
        ("100.64.0.9", ["192.0.2.1"], NOTE),
        ("172.32.0.9", ["192.0.2.1"], CRITICAL),
        # The host has no such address in its settings, but sends from one.
        ("192.0.2.7", [], CRITICAL),
        # No route may be an outage.
        ("", ["192.0.2.1"], NOTE),
    ],
)
def test_mail_should_leave_from_an_address_of_the_host(
    source: str, own: list[str], status: str
) -> None:
    assert names.leaving("mx.example.org", 4, source, own, True).status == status


def records(*values: tuple[bytes, int]) -> list[dns.rdata.Rdata]:
    hashes = {1: hashlib.sha256, 2: hashlib.sha512}
    return [
        dns.rdata.from_text("IN", "TLSA", f"3 1 {kind} {hashes[kind](key).hexdigest()}")
        for key, kind in values
    ]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([(CURRENT, 1), (NEXT, 1)], OK),
        ([(CURRENT, 1), (NEXT, 1), (CURRENT, 2), (NEXT, 2)], OK),
        ([(NEXT, 1)], CRITICAL),
        ([(CURRENT, 1)], WARNING),
        # Senders that prefer SHA-512 would refuse the current key.
        ([(CURRENT, 1), (NEXT, 1), (NEXT, 2)], CRITICAL),
        ([(CURRENT, 1), (NEXT, 1), (STRANGE, 1)], NOTE),
        # After a rollover, the former key stays for a while.
        ([(CURRENT, 1), (NEXT, 1), (FORMER, 1)], OK),
        ([], WARNING),
    ],
)
def test_tlsa_records_need_every_key_with_every_digest(
    values: list[tuple[bytes, int]], status: str
) -> None:
    name = dns.name.from_text("_25._tcp.mx.example.org")
    assert served._tlsa(25, Answer(name, records(*values), True), RING, "").status == status


def test_records_of_another_usage_are_not_compared_with_those_of_the_keys() -> None:
    # RFC 7671 section 9: senders choose the digest for each usage and selector.
    other = dns.rdata.from_text("IN", "TLSA", f"2 1 2 {'ab' * 64}")
    ours = records((CURRENT, 1), (NEXT, 1))
    name = dns.name.from_text("_25._tcp.mx.example.org")
    assert served._tlsa(25, Answer(name, [*ours, other], True), RING, "").status == NOTE


def test_tlsa_records_without_dnssec_are_no_fault() -> None:
    name = dns.name.from_text("_25._tcp.mx.example.org")
    assert served._tlsa(25, Answer(name, records((NEXT, 1)), False), RING, "").status == NOTE


def test_the_public_half_of_a_dkim_key_is_read_in_both_formats() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    der = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert keys.public(pem) == base64.b64encode(der).decode()

    ed_key = ed25519.Ed25519PrivateKey.generate()
    seed = ed_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    raw = ed_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert keys.public(base64.b64encode(seed) + b"\n") == base64.b64encode(raw).decode()


def test_lists_in_favour_of_an_address_are_left_out() -> None:
    sites = "zen.example=127.0.0.[2..11]*3, allow.example=127.0.[0..255].[1..3]*-4\n dbl.example"
    assert list(lists.blocking(sites)) == ["zen.example", "dbl.example"]
    assert lists.blocking("") == {}


@pytest.mark.parametrize(
    ("answer", "filters", "result"),
    [
        ("127.0.0.10", ["127.0.0.[2..11]"], True),
        ("127.0.0.12", ["127.0.0.[2..11]"], False),
        ("127.0.0.4", ["127.0.0.2", "127.0.0.[3;4;6]"], True),
        ("127.0.0.5", ["127.0.0.2", "127.0.0.[3;4;6]"], False),
        ("127.0.9.1", ["127.0.[0..255].[1..3]"], True),
    ],
)
def test_only_the_answers_that_postfix_counts_are_listings(
    answer: str, filters: list[str], result: bool
) -> None:
    assert lists.counts(answer, filters) == result


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("127.0.0.2", True),
        # Spamhaus lists dynamic addresses by these.
        ("127.0.0.10", True),
        ("127.0.0.11", True),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("192.0.2.1", False),
    ],
)
def test_what_a_list_answers_is_a_listing_or_an_error(answer: str, result: bool) -> None:
    assert is_listing(answer) == result


def test_the_host_needs_no_permission_for_reports_within_the_same_domain() -> None:
    addresses = "mailto:a@example.org,mailto:b@sub.example.org!10m,mailto:c@example.com"
    assert domains._receivers("example.org", addresses) == ["example.com"]
    assert domains._receivers("shop.example.org", "mailto:a@example.org") == []


def test_tags_may_have_space_around_their_signs() -> None:
    assert tags("v = DKIM1 ; p = AB C; K=rsa") == {"v": "DKIM1", "p": "AB C", "k": "rsa"}


@pytest.mark.parametrize(
    ("host", "pattern", "matches"),
    [
        ("mx.example.org", "mx.example.org", True),
        ("mx.example.org", "*.example.org", True),
        ("a.mx.example.org", "*.example.org", False),
        ("example.org", "*.example.org", False),
        ("mx.example.net", "mx.example.org", False),
    ],
)
def test_a_pattern_of_a_policy_has_one_label_for_its_star(
    host: str, pattern: str, matches: bool
) -> None:
    assert mta_sts.matches(host, pattern) == matches
