# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarded mail passes SPF at the next server, its bounces return, and spam is not forwarded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
DAVE = "dave@example.org"
# Members: Alice, Carol and bob@example.net, who is on another server.
TEAM = "team@example.org"
FORWARDED_FROM_BOB = re.compile(r"SRS0=[\w+/-]{4}=[A-Z2-7]{2}=example\.net=bob@mx\.example\.org")


def sender(mail: bytes) -> str:
    """Return the envelope sender, from the Return-Path: of the last server."""
    return str(BytesParser().parsebytes(mail)["Return-Path"]).strip("<>")


def postsrsd() -> str | None:
    """Return Bob's address as rewritten by postsrsd; None if it does not answer."""
    return (
        lab.on("mx", f"postmap -q {BOB} tcp:127.0.0.1:10001 2>/dev/null", check=False).strip()
        or None
    )


def forged(recipient: str) -> EmailMessage:
    """Return a message that is spam, but below the score for rejection."""
    return lab.message(ALICE, recipient)


def deliver(mail: EmailMessage) -> str:
    """Deliver a message from another server, and return the SMTP dialogue."""
    swaks = f"swaks --server {lab.MX} --from {mail['From']} --to {mail['To']} --data -"
    return lab.on("peer", swaks, mail.as_string(), check=False)


@pytest.fixture(scope="module")
def forwarded() -> EmailMessage:
    """Send a message from another server to a list with a member on another server."""
    mail = lab.message(BOB, TEAM)
    lab.send_from_peer(mail)
    return mail


def test_mail_that_goes_on_passes_spf_where_it_arrives(forwarded: EmailMessage) -> None:
    arrived = lab.received_at_peer(forwarded)
    assert FORWARDED_FROM_BOB.fullmatch(sender(arrived)), sender(arrived)
    assert "spf=pass" in lab.verdicts(arrived)
    assert f"From: {BOB}".encode() in arrived


def test_a_mailbox_here_has_the_original_sender(forwarded: EmailMessage) -> None:
    assert sender(lab.received(ALICE, forwarded)) == BOB


@pytest.fixture
def redirection() -> Iterator[None]:
    """Forward Carol's mail by Sieve."""
    home = "/var/vmail/example.org/carol"
    script = f'redirect "{BOB}";'
    lab.on(
        "mx",
        f"install -d -o vmail -g vmail {home}/sieve && echo '{script}' >{home}/sieve/x.sieve"
        f" && ln -sfn sieve/x.sieve {home}/.dovecot.sieve && chown -Rh vmail: {home}",
    )
    yield
    lab.on("mx", f"rm -r {home}/.dovecot.sieve* {home}/sieve")


@pytest.mark.usefixtures("redirection")
def test_mail_that_a_sieve_script_redirects_passes_spf_too_and_spam_stays() -> None:
    spam, mail = forged(CAROL), lab.message("bob+list@example.net", CAROL)
    assert "250 2.0.0 Ok" in deliver(spam)
    lab.send_from_peer(mail)

    arrived = lab.received_at_peer(mail)
    assert sender(arrived).endswith("=example.net=bob+list@mx.example.org"), sender(arrived)
    assert "spf=pass" in lab.verdicts(arrived)
    lab.received(CAROL, spam, "Junk")
    assert lab.log_of("mx", spam, "status=sent") and not lab.log_of("mx", spam, f"to=<{BOB}>")


@pytest.mark.parametrize(
    ("author", "login"), [(ALICE, ALICE), ("dave@elsewhere.example", DAVE)], ids=["own", "foreign"]
)
def test_mail_of_a_user_keeps_its_sender(author: str, login: str) -> None:
    mail = lab.message(author, TEAM)
    lab.submit(mail, login=login)
    assert sender(lab.received_at_peer(mail)) == author


def test_a_bounce_comes_back_to_the_original_sender(forwarded: EmailMessage) -> None:
    rewritten = sender(lab.received_at_peer(forwarded))
    bounce = lab.message("MAILER-DAEMON@example.net", rewritten)

    lab.on("peer", f"sendmail -f '' '{rewritten}'", bounce.as_string())

    assert b"for <bob@example.net>" in lab.received_at_peer(bounce)


@pytest.mark.parametrize(
    "forge",
    [
        lambda address: address.replace("=bob@", "=eve@"),
        lambda address: re.sub("=.{4}=", "=AAAA=", address, count=1),
        lambda address: "SRS0=bob@mx.example.org",
        lambda address: "SRS1=AAAA=example.net==AAAA=AA=example.com=eve@mx.example.org",
    ],
    ids=["another user", "another hash", "no hash", "by two hosts"],
)
def test_an_address_that_srs_did_not_make_is_refused(
    forge: Callable[[str], str], forwarded: EmailMessage
) -> None:
    address = forge(sender(lab.received_at_peer(forwarded)))
    assert lab.answer_to(address, "").startswith(f"550 5.1.1 <{address}>: Recipient address")


def test_mail_waits_while_postsrsd_is_stopped(forwarded: EmailMessage) -> None:
    rewritten = sender(lab.received_at_peer(forwarded))
    mail, own = lab.message(BOB, TEAM), lab.message(ALICE, BOB)
    lab.on("mx", "systemctl stop postsrsd")
    try:
        lab.send_from_peer(mail)
        lab.submit(own)
        lab.received(CAROL, mail)
        lab.received_at_peer(own)
        lab.deferral("mx", mail)
        assert lab.answer_to(rewritten, "").startswith("451 4.3.")
        assert lab.answer_to("nobody@example.org").startswith("550 5.1.1")
    finally:
        lab.on("mx", "systemctl start postsrsd")
    lab.on("mx", "postqueue -f")
    assert FORWARDED_FROM_BOB.fullmatch(sender(lab.received_at_peer(mail)))


@pytest.mark.parametrize("recipient", [TEAM, "team+now@example.org", "all@example.org"])
def test_spam_for_a_recipient_on_another_server_is_refused_while_the_sender_is_connected(
    recipient: str,
) -> None:
    assert "554 5.7.1 This looks like spam" in deliver(forged(recipient))


def test_a_new_secret_signs_and_the_former_one_is_accepted() -> None:
    former = str(postsrsd())
    lab.on("mx", "pillarbox srs rotate")
    latter = lab.eventually("postsrsd", postsrsd)
    assert latter != former and FORWARDED_FROM_BOB.fullmatch(latter)
    assert lab.answer_to(former, "").startswith("250 ")
    assert lab.answer_to(latter, "").startswith("250 ")
    assert lab.on("mx", "stat -c %a:%U /etc/postsrsd.secret") == "600:root\n"
    lab.on("mx", "pillarbox srs rotate")
    lab.eventually("postsrsd", postsrsd)
    assert lab.answer_to(latter, "").startswith("250 ")
    assert lab.answer_to(former, "").startswith("550 5.1.1")
