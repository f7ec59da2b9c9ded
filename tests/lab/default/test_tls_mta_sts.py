# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outgoing mail follows MTA-STS policies of other domains; DANE takes precedence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import lab
from tests.lab.bogus import check_that_only_bogus_answers_keep_mail_waiting
from tests.lab.encryption import AES_256_GCM, counted, eventually
from tests.lab.exposure import exposed
from tests.lab.reports import KEPT, arrived, new_report, read

ALICE = "alice@example.org"
# Its policy lists a different server from the one with TLSA records.
BY_DANE = "bob@example.net"
BY_POLICY = "bob@policy.example.net"
NEITHER = "bob@relay.example.net"

pytestmark = pytest.mark.usefixtures("compatible_with_policies")


@contextmanager
def the_certificate_of_the_policy() -> Iterator[None]:
    """Let peer use a certificate of the lab's CA for relay.example.net on port 25."""
    chain = "postconf smtpd_tls_chain_files=/etc/postfix/{}.pem && postfix reload"
    lab.on("peer", chain.format("relay"))
    try:
        yield
    finally:
        lab.on("peer", chain.format("tls"))


def test_a_domain_with_tlsa_records_goes_by_dane_whatever_its_policy_says() -> None:
    assert "mx.other.example" in lab.on(
        "mx", "postmap -q example.net socketmap:inet:127.0.0.1:8461:"
    )
    mail = lab.message(ALICE, BY_DANE)
    lab.submit(mail)
    lab.received_at_peer(mail)
    assert lab.connection_of("mx", mail).startswith("Verified TLS connection")


def test_mail_waits_while_the_certificate_is_not_as_the_policy_says_and_goes_when_it_is() -> None:
    before, _ = counted()
    # Peer's own certificate, which is verified only by DANE.
    mail = lab.message(ALICE, BY_POLICY)
    lab.submit(mail)
    assert "Server certificate not" in lab.deferral("mx", mail)

    with the_certificate_of_the_policy():
        lab.on("mx", "postqueue -f")
        lab.received_at_peer(mail)
    assert lab.connection_of("mx", mail).startswith("Verified TLS connection")
    eventually(before, ("policy.example.net", "sent", "mta-sts", "TLSv1.3", AES_256_GCM))


@pytest.mark.once
def test_a_tls_report_names_the_policy() -> None:
    mark = "TLS-Report-Domain: policy.example.net"
    before = arrived(mark)
    mail = lab.message(ALICE, BY_POLICY)
    with the_certificate_of_the_policy():
        lab.submit(mail)
        lab.received_at_peer(mail)
    [about] = read(new_report(mark, before), "policy.example.net").values()
    [policy] = about["tls"]["policies"]
    assert (policy["type"], policy["mode"]) == ("sts", "enforce")
    assert policy["successful"] >= 1
    lab.on("mx", f"rm -f {KEPT}*")


def test_neither_daemon_is_exposed() -> None:
    assert exposed("pillarbox-dane", "postfix-mta-sts-resolver") == {}


def test_a_domain_with_neither_goes_as_before() -> None:
    mail = lab.message(ALICE, NEITHER)
    lab.submit(mail)
    lab.received_at_peer(mail)


def test_while_the_daemon_is_down_mail_goes_by_dane_or_waits() -> None:
    by_dane, other = lab.message(ALICE, BY_DANE), lab.message(ALICE, NEITHER)
    # Kill it, as it would wait for Postfix to close its connections.
    daemon = "postfix-mta-sts-resolver.service"
    lab.on("mx", f"systemctl kill --signal=KILL {daemon}; systemctl stop {daemon}")
    try:
        for mail in (by_dane, other):
            lab.submit(mail)
        lab.received_at_peer(by_dane)
        answer = lab.deferral("mx", other)
    finally:
        lab.on("mx", f"systemctl start {daemon}")
    assert "dsn=4." in answer, answer
    lab.on("mx", "postqueue -f")
    lab.received_at_peer(other)


def test_only_bogus_answers_keep_mail_waiting() -> None:
    check_that_only_bogus_answers_keep_mail_waiting(ALICE)
