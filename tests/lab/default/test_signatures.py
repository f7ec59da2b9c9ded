# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures verify for any message, also at a server without 8BITMIME."""

from __future__ import annotations

import email
import uuid
from collections.abc import Iterator
from email.message import EmailMessage, Message

import dkim
import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
# Members: Alice, Carol and bob@example.net, who is on another server.
TEAM = "team@example.org"
VALID = [("e1", True), ("r1", True)]

HTML = "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
LINE = "<p>" + "a word " * 430 + "</p>"
MIXED = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=limit\n"
PARTS = f"--limit\n{HTML}Content-Transfer-Encoding: 8bit\n\nGrüße\n{LINE}\n--limit--\n"

# Submitted messages: header fields, body, and the body that Bob reads if it differs.
MESSAGES: dict[str, tuple[str, bytes, bytes | None]] = {
    "a line of 3,000 characters": (HTML, LINE.encode(), None),
    "a line of 3,000 characters and no word about it": ("", LINE.encode(), None),
    "a line of 100,000 characters": (HTML, LINE.encode() * 33, None),
    "8 bits": (f"{HTML}Content-Transfer-Encoding: 8bit\n", "Grüße".encode(), None),
    "8 bits that nothing is said of": ("", "Grüße".encode(), None),
    "8 bits and a long line in a part": (MIXED, PARTS.encode(), f"Grüße\n{LINE}".encode()),
    "NUL": ("", b"one\0two", None),
    "stray CR and LF": ("", b"one\rtwo\nthree\r\rfour", b"one two\nthree  four"),
    "a long line in the header": (f"References: {'<a@example.org> ' * 200}\n", b"Hello", None),
    "headers that are removed": ("User-Agent: x\nAuthentication-Results: x; y=pass\n", b"Hi", None),
}


@pytest.fixture(scope="module", autouse=True)
def seven_bits() -> Iterator[None]:
    """Turn off 8BITMIME at peer, and SMTPUTF8, which Postfix takes to include it."""
    keywords = "smtpd_discard_ehlo_keywords"
    lab.on("peer", f"postconf -e {keywords}=8bitmime,smtputf8 && postfix reload")
    yield
    lab.on("peer", f"postconf -X {keywords} && postfix reload")


def submit(head: str, body: bytes) -> EmailMessage:
    """Submit a message byte for byte. Returns a message to search for."""
    mail = EmailMessage()
    mail["Subject"] = f"test {uuid.uuid4()}"
    text = f"Subject: {mail['Subject']}\n{head}\n".replace("\n", "\r\n").encode() + body
    with lab.submission(lab.SUBMISSIONS) as session:
        session.login(ALICE, lab.password(ALICE))
        session.sendmail(ALICE, [BOB], text)
    return mail


@pytest.fixture(scope="module")
def submitted() -> dict[str, EmailMessage]:
    names = f"From: {ALICE}\nTo: {BOB}\nDate: Wed, 25 Nov 2026 12:00:00 +0000\n"
    return {
        name: submit(f"{names}Message-ID: <{uuid.uuid4()}@example.org>\n{head}", body)
        for name, (head, body, _) in MESSAGES.items()
    }


def text_of(mail: Message) -> bytes:
    part = next(part for part in mail.walk() if not part.is_multipart())
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.replace(b"\r\n", b"\n").strip()


@pytest.mark.parametrize("name", MESSAGES)
def test_what_a_user_hands_in_arrives_verified(
    name: str, submitted: dict[str, EmailMessage]
) -> None:
    _, body, read = MESSAGES[name]

    arrived = lab.received_at_peer(submitted[name])

    assert lab.signatures(arrived) == VALID
    # All servers must accept this: RFC 5321 sections 2.3.1 and 4.5.3.1.6.
    assert arrived.isascii() and b"\0" not in arrived
    assert max(map(len, arrived.split(b"\n"))) <= 998
    assert text_of(email.message_from_bytes(arrived)) == (read or body)


def test_what_a_program_leaves_out_of_the_header_is_added_and_signed() -> None:
    arrived = lab.received_at_peer(submit("", b"Hello"))

    assert lab.signatures(arrived) == VALID
    mail = email.message_from_bytes(arrived)
    assert mail["From"] == ALICE and mail["Date"] and mail["Message-ID"]


def test_a_bounce_that_quotes_a_long_line_arrives_verified() -> None:
    mail = lab.message(BOB, f"nobody-{uuid.uuid4()}@example.org")
    mail.replace_header("Content-Transfer-Encoding", "7bit")
    mail.set_payload(LINE)

    lab.on("mx", f"sendmail -f {BOB} {mail['To']}", mail.as_string())

    bounce = lab.message(BOB, BOB)
    bounce.replace_header("Subject", str(mail["Message-ID"]))
    arrived = lab.received_at_peer(bounce)
    assert lab.signatures(arrived) == VALID
    (quoted,) = (
        part.get_payload(0)
        for part in email.message_from_bytes(arrived).walk()
        if part.get_content_type() == "message/rfc822"
    )
    assert isinstance(quoted, Message) and text_of(quoted) == LINE.encode()


def test_mail_that_others_have_signed_goes_on_as_it_came() -> None:
    mail = lab.message(BOB, TEAM)
    mail.set_payload(f"Grüße\n{LINE}")

    swaks = f"swaks --server {lab.MX} --from {BOB} --to {TEAM} --data -"
    lab.on("peer", swaks, mail.as_string())

    for arrived in (lab.received(ALICE, mail), lab.received_at_peer(mail)):
        assert arrived.replace(b"\r\n", b"\n").endswith(f"\n\nGrüße\n{LINE}\n".encode())
        verdict, _, why = dkim.arc_verify(arrived, dnsfunc=lab.txt_record)
        assert verdict == dkim.CV_Pass, why
