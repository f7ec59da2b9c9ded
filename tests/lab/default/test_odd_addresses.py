# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account whose address has every permitted special character works like any other."""

from __future__ import annotations

import imaplib
import re
import shlex
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from sievelib.managesieve import Client

from tests.lab import lab
from tests.lab.default.test_accounts import fill
from tests.lab.default.test_forwarding import sender
from tests.lab.default.test_logins import SCRAM, log_in

ODD = "o'brien_r&d.x=y^~@example.org"
ALIAS = "~r&d='^@shop.example.org"
# Members: the account and bob@example.net.
LIST = "d'arc&co=^~@example.org"
SUB_ADDRESS = ODD.replace("@", "+lists@")
BOB = "bob@example.net"


def send(recipient: str, author: str = BOB) -> EmailMessage:
    """Send a message from the other mail server."""
    mail = lab.message(author, recipient)
    lab.send_from_peer(mail)
    return mail


@pytest.fixture
def empty() -> Iterator[None]:
    """Empty the account before and after the test."""
    expunge = f"doveadm expunge -u {shlex.quote(ODD)} mailbox '*' all"
    lab.on("mx", expunge)
    yield
    lab.on("mx", expunge)


@pytest.mark.parametrize("port", [lab.IMAPS, lab.SUBMISSIONS])
@pytest.mark.parametrize("mechanism", ["PLAIN", SCRAM])
def test_it_logs_in_in_every_way(port: int, mechanism: str) -> None:
    log_in(port, mechanism, ODD, lab.password(ODD))


def test_it_gets_mail_by_its_address_its_alias_and_a_list() -> None:
    for recipient in (ODD, ALIAS, LIST):
        lab.received(ODD, send(recipient))


def test_its_sub_addresses_are_folders() -> None:
    with lab.imap(ODD) as session:
        session.create("lists")
    lab.received(ODD, send(SUB_ADDRESS), "lists")


@pytest.mark.parametrize("author", [ODD, ALIAS])
def test_it_writes_as_its_addresses(author: str) -> None:
    mail = lab.message(author, BOB)
    lab.submit(mail, login=ODD)
    arrived = lab.received_at_peer(mail)
    assert sender(arrived) == author
    assert "dkim=pass" in lab.verdicts(arrived)


@pytest.mark.parametrize("author", ["o'brien@example.org", LIST, "alice@example.org"])
def test_it_writes_as_no_other_address(author: str) -> None:
    with lab.submission(lab.SUBMISSIONS) as session:
        session.login(ODD, lab.password(ODD))
        session.mail(author)
        assert b"not owned by user" in session.rcpt(BOB)[1]
    with lab.submission(lab.SUBMISSIONS) as session:
        session.login(ODD, lab.password(ODD))
        with pytest.raises(smtplib.SMTPDataError, match="From: is not an address of your login"):
            session.sendmail(ODD, [BOB], lab.message(author, BOB).as_bytes())


def test_mail_that_it_sends_to_a_list_and_mail_from_a_similar_sender_pass_spf() -> None:
    like = "o'brien_r&d.x=y^~@example.net"
    arrived = lab.received_at_peer(send(LIST, like))
    rewritten = sender(arrived)
    assert re.fullmatch(r"SRS0=.{4}=..=example\.net=(.*)@mx\.example\.org", rewritten), rewritten
    assert rewritten.split("=", 4)[4] == like.replace("@example.net", "@mx.example.org")
    assert "spf=pass" in lab.verdicts(arrived)
    back = f"postmap -q {shlex.quote(rewritten)} tcp:127.0.0.1:10002"
    assert lab.on("mx", back).strip() == like


def test_its_sieve_script_files_its_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "read_timeout", 30)
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.STATE / "tls" / "pebble-root.pem"))
    session = Client(lab.MX)
    assert session.connect(ODD, lab.password(ODD), starttls=True), session.errmsg
    script = 'require ["fileinto", "mailbox"]; fileinto :create "Filed";'
    assert session.putscript("test", script), session.errmsg
    assert session.setactive("test"), session.errmsg
    try:
        lab.received(ODD, send(ODD), "Filed")
    finally:
        session.setactive("")
        session.deletescript("test")
        session.logout()


@pytest.mark.usefixtures("empty")
def test_it_is_warned_when_its_mailbox_is_nearly_full() -> None:
    warning = lab.message("postmaster@example.org", ODD)
    warning.replace_header("Subject", "Your mailbox is 80 percent full")
    fill(ODD, 85)
    assert f"The mailbox of {ODD} is".encode() in lab.received(ODD, warning)


def test_once_it_has_expired_it_logs_in_no_more_and_takes_no_mail() -> None:
    before = lab.on("mx", "cat /etc/pillarbox/expiries")
    # Enter an earlier day, as the clock cannot be changed.
    lab.on("mx", "sed -i /brien/s/2099-08-01/$(date +%F)/ /etc/pillarbox/expiries")
    try:
        lab.on("mx", "systemctl start pillarbox-expiry.service")
        lab.eventually("the refusal of a login", refusal)
        lab.eventually("the refusal", lambda: lab.answer_to(ODD).startswith("550 5.2.1 ") or None)
    finally:
        lab.on("mx", "cat >/etc/pillarbox/expiries", before)
        lab.on("mx", "systemctl start pillarbox-expiry.service")
    lab.eventually("mail", lambda: lab.answer_to(ODD).startswith("250 2.1.5 ") or None)


def refusal() -> imaplib.IMAP4.error | None:
    """Return why the login fails. Dovecot checks once a second whether its files have changed."""
    try:
        lab.imap(ODD).shutdown()
    except imaplib.IMAP4.error as error:
        return error
    return None
