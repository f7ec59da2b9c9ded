# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With the TLS profile "strict" no mail is received or sent in cleartext."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import lab
from tests.lab.bogus import check_that_it_waits, check_that_only_bogus_answers_keep_mail_waiting
from tests.lab.wire import wire

ALICE, BOB = "alice@example.org", "bob@example.net"
# At a server on the same host that has a certificate but no TLSA records.
BOB_WITHOUT_DANE = "bob@relay.example.net"

pytestmark = pytest.mark.usefixtures("strict_or_by_certificate")


# Her smarthost's address record is bogus.
CAROL = "carol@example.org"


@contextmanager
def peer_without_tls() -> Iterator[None]:
    """Let the other mail server offer no TLS during the test."""
    lab.on("peer", "postconf smtpd_tls_security_level=none && postfix reload")
    try:
        yield
    finally:
        lab.on("peer", "postconf smtpd_tls_security_level=may && postfix reload")


def test_refuses_mail_of_a_client_without_tls() -> None:
    (replies,) = wire(("EHLO client.example.net\r\n", f"MAIL FROM:<{BOB}>\r\n"))
    assert replies[2].startswith("530 5.7.0 Must issue a STARTTLS command first"), replies


def test_takes_mail_by_tls_and_lets_forwarded_mail_through() -> None:
    mail = lab.message(BOB, "team@example.org")
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)
    assert b"Return-Path: <SRS0=" in lab.received_at_peer(mail)


@pytest.mark.parametrize(
    ("recipient", "connection"), [(BOB, "Verified TLS"), (BOB_WITHOUT_DANE, "TLS")]
)
def test_sends_by_dane_or_by_any_tls(recipient: str, connection: str) -> None:
    mail = lab.message(ALICE, recipient)
    lab.submit(mail)
    lab.received_at_peer(mail)
    assert f"{connection} connection established to " in lab.connection_of("mx", mail)


def test_keeps_mail_for_a_server_without_tls_and_says_why() -> None:
    mail = lab.message(ALICE, BOB_WITHOUT_DANE)
    with peer_without_tls():
        lab.submit(mail)
        deferred = lab.deferral("mx", mail)
    assert "TLS is required, but was not offered by host relay.example.net" in deferred
    lab.on("mx", "postqueue -f")
    lab.received_at_peer(mail)


def test_mail_waits_while_the_dane_policy_service_is_down() -> None:
    mail = lab.message(ALICE, BOB)
    lab.on("mx", "systemctl stop pillarbox-dane.service")
    try:
        lab.submit(mail)
        deferred = lab.deferral("mx", mail)
    finally:
        lab.on("mx", "systemctl start pillarbox-dane.service")
    assert "dsn=4." in deferred, deferred
    lab.on("mx", "postqueue -f")
    lab.received_at_peer(mail)


def test_only_bogus_answers_keep_mail_waiting() -> None:
    check_that_only_bogus_answers_keep_mail_waiting(ALICE)


def test_mail_waits_while_the_address_of_its_smarthost_is_bogus() -> None:
    mail = lab.message(CAROL, BOB)
    lab.submit(mail)
    check_that_it_waits(mail)


def test_a_policy_for_all_subdomains_still_applies() -> None:
    level = "postmap -q www.peer.example.net regexp:/etc/postfix/tls_policies_below"
    assert lab.on("mx", level) == "none\n"
