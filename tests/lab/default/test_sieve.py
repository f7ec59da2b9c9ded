# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users' scripts file, answer and forward mail, within limits."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from itertools import takewhile

import pytest
from sievelib.managesieve import Client

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
SCANNER = "dave+scanner@example.org"


@pytest.fixture(autouse=True)
def programs_trust_the_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    # Dovecot delays logins from an address after failures.
    monkeypatch.setattr(Client, "read_timeout", 30)
    monkeypatch.setenv("SSL_CERT_FILE", str(lab.STATE / "tls" / "pebble-root.pem"))


def managesieve(login: str) -> Client:
    """Open a ManageSieve session, with STARTTLS and the name in the certificate verified."""
    client = Client(lab.MX)
    assert client.connect(login, lab.password(login), starttls=True), client.errmsg
    return client


Use = Callable[[str], None]


@pytest.fixture
def use() -> Iterator[Use]:
    """Activate a script for Carol; remove it at the end."""
    session = managesieve(CAROL)

    def put(script: str) -> None:
        assert session.putscript("test", script), session.errmsg
        assert session.setactive("test"), session.errmsg

    yield put
    session.setactive("")
    session.deletescript("test")
    session.logout()


def sent_by_bob(**headers: str) -> EmailMessage:
    mail = lab.message(BOB, CAROL)
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    lab.send_from_peer(mail)
    return mail


def test_a_script_files_mail(use: Use) -> None:
    use('require ["fileinto", "mailbox"]; fileinto :create "Filed";')
    mail = sent_by_bob()
    assert lab.received(CAROL, mail, "Filed")


def test_a_script_that_is_wrong_is_refused_with_the_reason(use: Use) -> None:
    session = managesieve(CAROL)
    assert not session.putscript("wrong", 'fileinto "Somewhere";')
    assert b"fileinto" in session.errmsg
    session.logout()


def test_mail_is_kept_when_a_script_fails(use: Use) -> None:
    """An invalid folder name is detected only when a message arrives."""
    use('require ["fileinto"]; fileinto "No/Such/Folder";')
    mail = sent_by_bob()
    assert lab.received(CAROL, mail)


def test_an_absent_user_answers_once_signed_and_to_nobody_in_particular(use: Use) -> None:
    answer = lab.message(CAROL, BOB)
    use(f'require ["vacation"]; vacation :days 1 :subject "{answer["Subject"]}" "Away.";')
    first, second = sent_by_bob(), sent_by_bob()

    arrived = lab.received_at_peer(answer)

    assert b"Auto-Submitted: auto-replied" in arrived
    assert b"Return-Path: <>" in arrived
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]
    assert lab.verdicts(arrived) >= {"dmarc=pass"}
    for mail in (first, second):
        assert lab.received(CAROL, mail)
    count = lab.on("peer", f"grep -rlF '{answer['Subject']}' /home/bob/Maildir/new | wc -l")
    assert int(count) == 1


def test_a_script_forwards_and_keeps(use: Use) -> None:
    use(f'require ["copy"]; redirect :copy "{BOB}";')
    mail = lab.message(ALICE, CAROL)
    lab.submit(mail)
    assert lab.received(CAROL, mail)
    assert lab.received_at_peer(mail)


def test_a_script_does_not_forward_to_everybody(use: Use) -> None:
    everybody = "".join(f'redirect :copy "x{number}@example.net";' for number in range(5))
    use(f'require ["copy"]; {everybody}')
    mail = lab.message(ALICE, CAROL)
    lab.submit(mail)
    assert lab.received(CAROL, mail)
    log = lab.on("mx", "journalctl --no-pager -o cat -u 'postfix*' --since -1min")
    assert "to=<x0@example.net>" not in log


def test_the_servers_own_scripts_run_before_and_after_the_users(use: Use) -> None:
    use(
        'require ["fileinto", "mailbox"];'
        'if header :contains "list-id" "mine" { fileinto :create "Mine"; }'
    )
    for list_id, folder in (
        ("<announce.example.net>", "Announcements"),
        ("<mine.announce.example.org>", "Mine"),
        ("<other.example.net>", "Lists"),
    ):
        mail = sent_by_bob(List_Id=list_id)
        assert lab.received(CAROL, mail, folder)


def test_a_device_for_sending_changes_no_scripts() -> None:
    client = Client(lab.MX)
    assert not client.connect(SCANNER, lab.password(SCANNER), starttls=True)


def test_no_password_is_asked_for_before_tls() -> None:
    with socket.create_connection((lab.MX, lab.MANAGESIEVE), timeout=20) as connection:
        greeting = connection.makefile("r", newline="\r\n")
        said = list(takewhile(lambda line: not line.startswith("OK"), greeting))
    assert {'"SASL" ""\r\n', '"STARTTLS"\r\n'} <= set(said)
