# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail beyond an account's limit is held until the postmaster releases it, and is not lost."""

from __future__ import annotations

import email
import re
import smtplib
import uuid
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
# Limited to ten recipients per hour in the lab's settings.
INVOICES = "invoices@example.org"
REDIS = (
    "if [ -S /run/valkey/valkey.sock ]; then r='valkey-cli -s /run/valkey/valkey.sock';"
    " else r='redis-cli -s /run/redis/redis.sock'; fi; $r"
)


def send(login: str, recipients: int = 1) -> EmailMessage:
    """Send a message to this number of recipients, including bob."""
    mail = lab.message(login, BOB)
    with lab.submission(lab.SUBMISSIONS) as session:
        session.login(login, lab.password(login))
        extra = [f"{uuid.uuid4()}@example.net" for _ in range(recipients - 1)]
        session.sendmail(login, [BOB, *extra], mail.as_bytes())
    return mail


def hold_queue() -> str:
    """Return the headers of all held messages."""
    return lab.on("mx", "for id in $(ls /var/spool/postfix/hold); do postcat -hq $id; done")


def is_held(mail: EmailMessage) -> bool:
    return str(mail["Message-ID"]) in hold_queue()


def notices(name: str) -> list[str]:
    """Return the notices to the postmaster about an account or a domain."""
    subject = f"Mail of {name} is held on mx.example.org"
    with lab.imap(ALICE) as session:
        session.select("INBOX", readonly=True)
        numbers = session.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        parts = [session.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
    return [part[1].decode() for part in parts if isinstance(part, tuple)]


@pytest.fixture(scope="module")
def flood() -> Iterator[tuple[list[EmailMessage], list[EmailMessage]]]:
    """Send from an account until it is refused; return the messages that left and those held."""
    lab.on("mx", f"{REDIS} del sent/{INVOICES} sent/{INVOICES}/told")
    lab.on("mx", f"doveadm expunge -u {ALICE} mailbox INBOX subject 'is held on mx.example.org'")
    left = [send(INVOICES, 9), send(INVOICES)]
    held = [send(INVOICES), send(INVOICES, 12)]
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        send(INVOICES)
    refused = (451, b"4.7.1 Too many recipients, your mail is held; ask your postmaster")
    assert refusal.value.args == refused
    yield left, held
    lab.on("mx", f"{REDIS} del sent/{INVOICES} sent/{INVOICES}/told; postsuper -d ALL hold")


def test_mail_beyond_the_limit_is_held(
    flood: tuple[list[EmailMessage], list[EmailMessage]],
) -> None:
    left, held = flood
    for mail in left:
        lab.received_at_peer(mail)
    assert all(is_held(mail) for mail in held)
    assert not any(is_held(mail) for mail in left)


@pytest.mark.usefixtures("flood")
def test_the_postmaster_is_notified_once_and_others_can_still_send() -> None:
    (notice,) = lab.eventually("the notice", lambda: notices(INVOICES) or None)[-1:]
    assert len(notices(INVOICES)) == 1
    assert "invoices@example.org wrote to more than 10 recipients within an hour." in notice
    mail = send(CAROL)
    assert b"X-Held" not in lab.received_at_peer(mail)


@pytest.mark.usefixtures("flood")
def test_a_hold_does_not_end_by_itself_and_a_count_does() -> None:
    send(CAROL)
    held, counted = lab.on("mx", f"{REDIS} ttl sent/{INVOICES}; $r ttl sent/{CAROL}").split()
    assert held == "-1"
    assert 3000 < int(counted) <= 3600


def test_what_is_released_by_the_command_in_the_notice_arrives_signed(
    flood: tuple[list[EmailMessage], list[EmailMessage]],
) -> None:
    _, held = flood
    command = re.findall(r"pillarbox held release \S+", notices(INVOICES)[-1])[0]
    listed = lab.on("mx", "pillarbox held")
    assert f"{INVOICES}: 2 held\n" in listed, listed
    assert f" to {BOB}\n" in listed and f" to {BOB} and 11 more\n" in listed, listed

    lab.on("mx", command)

    for mail in held:
        assert lab.signatures(lab.received_at_peer(mail)) == [("e1", True), ("r1", True)]
    assert INVOICES not in lab.on("mx", "pillarbox held")
    lab.received_at_peer(send(INVOICES))


def test_what_is_deleted_is_gone_and_the_account_stays_held() -> None:
    lab.on("mx", f"{REDIS} set sent/{INVOICES} 10")
    first = send(INVOICES)
    assert is_held(first)

    lab.on("mx", f"pillarbox held delete {INVOICES}")
    second = send(INVOICES)

    assert not is_held(first) and is_held(second)
    lab.on("mx", f"pillarbox held delete {INVOICES} && pillarbox held release {INVOICES}")
    answer = lab.on("mx", f"pillarbox held release {INVOICES}", check=False)
    assert answer == f"pillarbox held: no mail of {INVOICES} is held\n"


def test_a_domain_has_a_limit_for_all_its_accounts() -> None:
    lab.on("mx", f"{REDIS} set sent/example.org 10000")
    try:
        mail = send(CAROL)
        assert is_held(mail)
        told = lab.eventually("the notice", lambda: notices("example.org") or None)[-1]
        assert "All accounts of example.org together wrote to more than 10000" in told
        assert f"{CAROL}: 1 held" in lab.on("mx", "pillarbox held")
    finally:
        lab.on("mx", "pillarbox held release example.org")
    assert b"X-Held" in lab.received_at_peer(mail)


def test_a_header_of_the_users_own_holds_nothing() -> None:
    mail = lab.message(CAROL, BOB)
    mail["X-Held"] = "please"
    lab.submit(mail)
    assert email.message_from_bytes(lab.received_at_peer(mail))["X-Held"] == "please"
