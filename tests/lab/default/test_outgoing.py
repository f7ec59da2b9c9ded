# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users' mail leaves signed, over IPv6, and without headers that reveal their devices."""

from __future__ import annotations

import email
import smtplib
import uuid
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.wire import wire

ALICE = "alice@example.org"
BOB = "bob@example.net"
DAVE = "dave@example.org"
KEYS = "/var/lib/rspamd/dkim"


def restart_filter() -> None:
    """Restart Rspamd, which caches keys in memory."""
    lab.stop_filter()
    lab.on("mx", "systemctl start rspamd")
    talk = ("EHLO client.example.net\r\n", "MAIL FROM:<>\r\n")
    lab.eventually("the filter", lambda: wire(talk)[0][2].startswith("250") or None)


@pytest.mark.parametrize("port", [lab.SUBMISSIONS, lab.SUBMISSION])
def test_mail_does_not_reveal_where_its_author_is(port: int) -> None:
    mail = lab.message(ALICE, BOB)
    for header in ("User-Agent", "X-Mailer", "X-Originating-IP"):
        mail[header] = "something of Alice's"
    mail["X-Project"] = "a header that stays"

    lab.submit(mail, port)

    arrived = lab.received_at_peer(mail)
    headers = email.message_from_bytes(arrived)
    assert "Alice's" not in str(headers)
    assert headers["X-Project"] == "a header that stays"
    first = headers.get_all("Received", [])[-1]
    assert first.startswith("by mx.example.org (Postfix) with ESMTPSA id "), first
    assert b"client.example.org" not in arrived and b"198.18.0.1]" not in arrived
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]


def test_mail_that_cannot_be_signed_is_deferred() -> None:
    mail = lab.message(ALICE, BOB)
    lab.on("mx", f"mv {KEYS}/example.org.r1.key /root/")
    try:
        restart_filter()
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            lab.submit(mail)
    finally:
        lab.on("mx", f"mv /root/example.org.r1.key {KEYS}/")
        restart_filter()
    assert refusal.value.args == (451, b"4.7.1 This mail cannot be signed now, try again later")
    lab.submit(mail)
    assert lab.signatures(lab.received_at_peer(mail)) == [("e1", True), ("r1", True)]


@pytest.mark.parametrize("envelope", ["", "dave@elsewhere.example"])
def test_mail_is_signed_whatever_its_envelope_sender(envelope: str) -> None:
    mail = lab.message(DAVE, BOB)
    with lab.submission(lab.SUBMISSIONS) as session:
        session.login(DAVE, lab.password(DAVE))
        session.sendmail(envelope, [BOB], mail.as_bytes())
    assert lab.signatures(lab.received_at_peer(mail)) == [("e1", True), ("r1", True)]


def test_mail_from_an_address_elsewhere_leaves_without_a_signature() -> None:
    mail = lab.message("dave@elsewhere.example", ALICE)
    lab.submit(mail, login=DAVE)
    assert lab.signatures(lab.received(ALICE, mail)) == []


def test_a_bounce_arrives_whatever_it_quotes() -> None:
    notice = lab.message("postmaster@example.org", ALICE)
    notice.replace_header("Subject", "Undelivered mail returned to sender")
    lab.on("mx", f"doveadm expunge -u {ALICE} mailbox INBOX subject '{notice['Subject']}'")
    # Matches a pattern in the lab's settings that holds mail.
    mail = lab.message(ALICE, f"{uuid.uuid4()}@peer.example.net", "Dear lucky winner")
    lab.submit(mail)

    lab.on("mx", "postsuper -H ALL hold && postqueue -f")

    assert str(mail["Message-ID"]).encode() in lab.received(ALICE, notice)


def delivery(mail: EmailMessage) -> str:
    """Return the mail host's log line of the delivery."""
    found = lab.eventually("the log", lambda: lab.log_of("mx", mail, "status=sent") or None)
    return found[0]


def test_mail_leaves_by_ipv6_where_that_works_and_else_by_ipv4() -> None:
    first, second = lab.message(ALICE, BOB), lab.message(ALICE, BOB)
    lab.submit(first)
    lab.received_at_peer(first)
    lab.on("mx", "ip -6 route add unreachable 2001:2:0:20::20/128 metric 1")
    try:
        lab.submit(second)
        lab.received_at_peer(second)
    finally:
        lab.on("mx", "ip -6 route del unreachable 2001:2:0:20::20/128 metric 1")
    for mail, address in ((first, "2001:2:0:20::20"), (second, "198.18.0.20")):
        assert f"relay=peer.example.net[{address}]:25" in delivery(mail)
