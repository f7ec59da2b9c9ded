# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail to each address reaches its recipients, and other mail is refused, never lost."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
DAVE = "dave@example.org"

ROUTES = [
    ("d.miller@example.org", DAVE, "INBOX"),
    ("D.Miller@Example.ORG", DAVE, "INBOX"),
    ("d.miller+lists@example.org", DAVE, "lists"),
    ("dave+lists@example.org", DAVE, "lists"),
    ("dave-lists@example.org", DAVE, "lists"),
    ("dave+no-such-folder@example.org", DAVE, "INBOX"),
    ("dave+Sent@example.org", DAVE, "INBOX"),
    ("team@example.org", ALICE, "INBOX"),
    ("team@example.org", CAROL, "INBOX"),
    ("team@example.org", BOB, "INBOX"),
    ("all@example.org", CAROL, "INBOX"),
    ("all@example.org", DAVE, "INBOX"),
    ("bookshop@shop.example.org", DAVE, "INBOX"),
    ("postmaster@shop.example.org", ALICE, "INBOX"),
    ("root@mx.example.org", ALICE, "INBOX"),
]


@pytest.fixture(scope="module")
def sent() -> Iterator[dict[str, EmailMessage]]:
    """Send a message to every address at the same time; Dave has a folder for one."""
    with lab.imap(DAVE) as session:
        session.create("lists")
    mails = {address: lab.message(BOB, address) for address, _account, _folder in ROUTES}
    for mail in mails.values():
        lab.send_from_peer(mail)
    yield mails
    with lab.imap(DAVE) as session:
        session.delete("lists")


@pytest.mark.parametrize(("address", "account", "folder"), ROUTES)
def test_mail_reaches_whom_it_is_for(
    address: str, account: str, folder: str, sent: dict[str, EmailMessage]
) -> None:
    if account == BOB:
        assert lab.received_at_peer(sent[address])
    else:
        assert lab.received(account, sent[address], folder)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("raffle@shop.example.org", "550 5.1.1 <raffle@shop.example.org>: Recipient address rejec"),
        ("nobody@example.org", "550 5.1.1 <nobody@example.org>: Recipient address rejected: User"),
        ("nobody+dave@example.org", "550 5.1.1 <nobody+dave@example.org>: Recipient address"),
        ("root@example.org", "550 5.1.1 <root@example.org>: Recipient address rejected: User"),
    ],
)  # fmt: skip
def test_mail_that_no_account_accepts_is_refused_while_the_sender_is_connected(
    address: str, answer: str
) -> None:
    assert lab.answer_to(address).startswith(answer)


def test_a_thousand_recipients_are_taken_and_what_is_more_is_put_off() -> None:
    with smtplib.SMTP(lab.MX, lab.SMTP, "client.example.org", timeout=60) as session:
        session.ehlo()
        session.mail(BOB)
        codes = [session.rcpt(f"x{number}@shop.example.org") for number in range(1001)]
    assert {code for code, _text in codes[:1000]} == {250}
    assert codes[1000] == (452, b"4.5.3 Error: too many recipients")


@pytest.mark.parametrize(
    "rest",
    [rb" caf\303\251\n\n8-bit header\n", rb" caf\351 \377\n\nno UTF-8: \303( \377\n"],
    ids=["8-bit header", "bad UTF-8"],
)
def test_mail_with_bytes_that_should_not_be_there_arrives(rest: bytes) -> None:
    mail = lab.message(BOB, CAROL)
    subject = mail["Subject"]
    head = f"From: {BOB}\\nTo: {CAROL}\\nMessage-ID: {mail['Message-ID']}\\nSubject: {subject}"
    lab.on("peer", f"printf '{head}{rest.decode()}' >/tmp/raw")

    lab.on("peer", f"swaks --server {lab.MX} --from {BOB} --to {CAROL} --data @/tmp/raw >/dev/null")

    assert b"caf" in lab.received(CAROL, mail)


def test_a_script_of_the_user_with_an_error_loses_no_mail() -> None:
    home = "/var/vmail/example.org/carol"
    script = 'require "no-such-extension"; discard;'
    lab.on(
        "mx",
        f"install -d -o vmail -g vmail {home}/sieve && echo '{script}' >{home}/sieve/x.sieve"
        f" && ln -sfn sieve/x.sieve {home}/.dovecot.sieve && chown -Rh vmail: {home}",
    )
    mail = lab.message(BOB, CAROL)
    try:
        lab.send_from_peer(mail)
        lab.received(CAROL, mail)
    finally:
        lab.on("mx", f"rm -r {home}/.dovecot.sieve* {home}/sieve")
