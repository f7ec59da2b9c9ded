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

from pillarbox.check import domains, keys, lists, names, served
from pillarbox.check.finding import CRITICAL, NOTE, OK, WARNING
from pillarbox.check.settings import Settings
from pillarbox.lookup import Answer

SETTINGS = Settings("mx.example.org", ["192.0.2.1", "2001:db8::1"], ["example.org"], [], [25], {})
CURRENT, NEXT, STRANGE = b"current", b"next", b"strange"
RING = {"the current rsa key": CURRENT, "the next rsa key": NEXT}


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
    assert names._outgoing(4, source, own, SETTINGS).status == status


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
        ([], WARNING),
    ],
)
def test_tlsa_records_need_every_key_with_every_digest(
    values: list[tuple[bytes, int]], status: str
) -> None:
    name = dns.name.from_text("_25._tcp.mx.example.org")
    assert served._tlsa(25, Answer(name, records(*values), True), RING).status == status


def test_tlsa_records_without_dnssec_are_no_fault() -> None:
    name = dns.name.from_text("_25._tcp.mx.example.org")
    assert served._tlsa(25, Answer(name, records((NEXT, 1)), False), RING).status == NOTE


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
    assert lists.blocking(sites) == ["zen.example", "dbl.example"]
    assert lists.blocking("") == []


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
    assert domains._matches(host, pattern) == matches
