# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail is received, sent and refused correctly."""

from __future__ import annotations

import email
import imaplib
import smtplib
import uuid

import pytest

from tests.lab import lab
from tests.lab.lab import SUBMISSION, SUBMISSIONS

ALICE = "alice@example.org"
CAROL = "carol@example.org"
BOB = "bob@example.net"
# The other server chooses its TLS parameters by sender; see lab/README.md.
BOB_RSA = "bob-rsa@example.net"

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@pytest.mark.parametrize(
    ("sender", "certificate"), [(BOB, "server-signature ECDSA"), (BOB_RSA, "cipher ECDHE-RSA")]
)
def test_mail_from_outside_arrives_over_a_dane_verified_connection(
    sender: str, certificate: str
) -> None:
    mail = lab.message(sender, ALICE)

    lab.send_from_peer(mail)

    lab.received(ALICE, mail)
    connection = lab.connection_of("peer", mail)
    assert connection.startswith(f"Verified TLS connection established to {lab.MX}["), connection
    assert certificate in connection, connection


def test_mail_of_a_user_arrives_outside_verified_by_all_that_is_published() -> None:
    mail = lab.message(ALICE, BOB)

    lab.submit(mail)

    arrived = lab.received_at_peer(mail)
    assert lab.verdicts(arrived) >= {"spf=pass", "dmarc=pass"}
    connection = lab.connection_of("mx", mail)
    assert connection.startswith("Verified TLS connection established to peer.example.net[")


def test_mail_of_a_user_carries_a_valid_signature_of_each_algorithm() -> None:
    mail = lab.message(ALICE, BOB)

    lab.submit(mail, SUBMISSION)

    arrived = lab.received_at_peer(mail)
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]


def test_a_bounce_is_signed_and_not_refused_for_the_policy_of_the_domain() -> None:
    mail = lab.message(ALICE, f"nobody-{uuid.uuid4()}@example.org")
    mail["Reply-To"] = BOB

    # The host cannot deliver a message from Bob, so Bob gets a bounce.
    lab.on("mx", f"sendmail -f {BOB} {mail['To']}", mail.as_string())

    bounce = lab.message(BOB, BOB)
    bounce.replace_header("Subject", str(mail["Message-ID"]))
    arrived = lab.received_at_peer(bounce)
    assert "dmarc=pass" in lab.verdicts(arrived)
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]
    author = email.message_from_bytes(arrived)["From"]
    assert author == "Mail server mx.example.org <postmaster@example.org>"


def test_users_write_to_each_other() -> None:
    mail = lab.message(ALICE, CAROL)

    lab.submit(mail)

    lab.received(CAROL, mail)


def test_an_address_with_an_extension_reaches_its_user() -> None:
    mail = lab.message(BOB, "alice+lists@example.org")

    lab.send_from_peer(mail)

    lab.received(ALICE, mail)


@pytest.mark.parametrize("name", ["postmaster", "abuse", "hostmaster"])
def test_the_names_that_each_domain_must_have_reach_the_postmaster(name: str) -> None:
    mail = lab.message(BOB, f"{name}@example.org")

    lab.send_from_peer(mail)

    lab.received(ALICE, mail)


def test_mail_of_the_host_itself_reaches_the_postmaster() -> None:
    mail = lab.message("root@mx.example.org", "root")

    lab.on("mx", "sendmail -f root root", mail.as_string())

    lab.received(ALICE, mail)


def test_spam_does_not_reach_the_inbox() -> None:
    mail = lab.message(BOB, ALICE, text=GTUBE)

    lab.send_from_peer(mail)

    bounced = lab.eventually(
        "the refusal", lambda: lab.log_of("peer", mail, "status=bounced") or None
    )
    assert "554 5.7.1" in bounced[0]
    assert lab.find(ALICE, mail) is None


def test_mail_that_only_claims_to_be_from_a_user_is_filed_as_junk() -> None:
    mail = lab.message(ALICE, ALICE)

    swaks = f"swaks --server {lab.MX} --from {ALICE} --to {ALICE} --data -"
    lab.on("peer", swaks, mail.as_string())

    lab.received(ALICE, mail, "Junk")
    assert lab.find(ALICE, mail) is None


def test_a_wrong_password_is_refused_by_imap() -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        lab.imap(ALICE, "not-her-password")


@pytest.mark.parametrize("port", [SUBMISSIONS, SUBMISSION])
def test_a_wrong_password_is_refused_by_submission(port: int) -> None:
    with lab.submission(port) as session, pytest.raises(smtplib.SMTPAuthenticationError):
        session.login(ALICE, "not-her-password")


def test_no_password_is_asked_for_before_tls() -> None:
    with smtplib.SMTP(lab.MX, SUBMISSION, "client.example.org", timeout=20) as session:
        session.ehlo()
        assert not session.has_extn("auth")


@pytest.mark.parametrize("port", [SUBMISSIONS, SUBMISSION])
@pytest.mark.parametrize(
    ("sender", "answer"),
    [(ALICE, b"5.7.1 <alice@example.org>: Sender"), (BOB, b"5.7.1 <bob@example.net>: Re")],
)
def test_submission_without_login_is_refused(port: int, sender: str, answer: bytes) -> None:
    with lab.submission(port) as session:
        session.ehlo()
        session.mail(sender)
        code, text = session.rcpt(BOB)
        assert code >= 550 and text.startswith(answer), text


def test_a_login_in_capitals_is_the_same_login() -> None:
    with lab.submission(SUBMISSIONS) as session:
        session.login(ALICE.upper(), lab.password(ALICE))
        session.mail(ALICE)
        assert session.rcpt(BOB)[0] == 250


def test_a_forged_sender_is_refused() -> None:
    with lab.submission(SUBMISSIONS) as session:
        session.login(CAROL, lab.password(CAROL))
        session.mail(ALICE)
        code, text = session.rcpt(BOB)
        assert code == 553 and b"not owned by user" in text, text


@pytest.mark.parametrize("envelope", [CAROL, ""])
@pytest.mark.parametrize("author", [ALICE, "ceo@example.org", BOB])
def test_a_forged_author_is_refused(envelope: str, author: str) -> None:
    mail = lab.message(author, BOB)
    with lab.submission(SUBMISSIONS) as session:
        session.login(CAROL, lab.password(CAROL))
        with pytest.raises(smtplib.SMTPDataError, match="From: is not an address of your login"):
            session.sendmail(envelope, [BOB], mail.as_bytes())


def test_an_author_may_write_as_an_address_of_the_account() -> None:
    mail = lab.message("Postmaster <postmaster@example.org>", BOB)

    with lab.submission(SUBMISSIONS) as session:
        session.login(ALICE, lab.password(ALICE))
        session.send_message(mail)

    assert "dmarc=pass" in lab.verdicts(lab.received_at_peer(mail))


def test_a_private_network_is_not_trusted() -> None:
    scan = "rspamc -h /run/rspamd/controller.sock --ip 10.1.2.3 --from alice@example.org --helo x"
    verdict = lab.on("mx", scan, lab.message(ALICE, BOB).as_string())
    assert "R_SPF_FAIL" in verdict, verdict
    assert "DKIM_SIGNED" not in verdict, verdict


def test_relaying_from_outside_is_refused() -> None:
    answer = lab.on(
        "peer", f"swaks --server mx.example.org --from {BOB} --to someone@example.net", check=False
    )
    assert "554 5.7.1 <someone@example.net>: Relay access denied" in answer, answer


def test_an_unknown_user_is_refused_while_the_sender_is_connected() -> None:
    answer = lab.on(
        "peer", f"swaks --server mx.example.org --from {BOB} --to nobody@example.org", check=False
    )
    assert "550 5.1.1 <nobody@example.org>" in answer, answer


def test_mail_waits_at_the_sender_while_the_filter_is_stopped() -> None:
    mail = lab.message(BOB, ALICE)
    lab.stop_filter()
    try:
        lab.send_from_peer(mail)
        lab.deferral("peer", mail)
    finally:
        lab.on("mx", "systemctl start rspamd")
    there = "[ -S /var/spool/postfix/rspamd/milter.sock ] && echo there"
    lab.eventually("the filter", lambda: lab.on("mx", there, check=False) or None)
    assert lab.find(ALICE, mail) is None
    lab.on("peer", "postqueue -f")
    lab.received(ALICE, mail)
