# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How mail is recoded before it is signed; tests/lab/default/ signs and sends it."""

from __future__ import annotations

import base64
import email
import sys
from email.message import Message
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

# The module of Debian's package; only the functions are tested here.
milter = ModuleType("Milter")
vars(milter).update(Base=object, noreply=lambda function: function, CONTINUE=0)
with mock.patch.dict(sys.modules, Milter=milter):
    from pillarbox.services import recode

LONG = b"<p>" + b"a word " * 500 + b"</p>"
GERMAN = "Grüße\r\n".encode()
RUSSIAN = "Привет\r\n".encode() * 20
OCTETS = bytes(octet for octet in range(256) if octet not in b"\r\n") * 10


def part(kind: str, encoding: str, body: bytes) -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def mixed(*parts: bytes) -> bytes:
    inner = b"".join(b"\r\n--limit\r\n" + one for one in parts)
    return b"For old readers." + inner + b"\r\n--limit--\r\nAnd after.\r\n"


def sent(fields: dict[str, str], body: bytes) -> tuple[Message, bytes]:
    """Return a message as it is sent, and its body."""
    fields, changed = recode.recoded(fields, body)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return email.message_from_bytes(head.encode() + b"\r\n" + changed), changed


@pytest.mark.parametrize(
    ("text", "fragile"),
    [
        (b"", False),
        (b"a" * 998, False),
        (b"a" * 998 + b"\r\n" + b"b" * 998 + b"\r\n", False),
        (b"a" * 999, True),
        (b"short\r\n" * 1000 + b"a" * 999 + b"\r\n", True),
        (b"a" * 999 + b"\r\nshort\r\n", True),
        (b"a\0b\r\n", True),
        (GERMAN, True),
    ],
)
def test_what_may_be_changed_on_the_way_is_fragile(text: bytes, fragile: bool) -> None:
    assert recode.is_fragile(text) is fragile


@pytest.mark.parametrize("body", [LONG + b"\r\n", GERMAN, RUSSIAN, b"a\0b \r\n.\r\n", OCTETS])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/x-own"])
@pytest.mark.parametrize("encoding", ["7bit", "8bit", "Binary"])
def test_a_body_has_the_same_content_encoded(kind: str, encoding: str, body: bytes) -> None:
    mail, changed = sent({"Content-Type": kind, "Content-Transfer-Encoding": encoding}, body)
    assert not recode.is_fragile(changed)
    assert mail["MIME-Version"] == "1.0" and mail["Content-Type"] == kind
    assert mail.get_payload(decode=True) == body


@pytest.mark.parametrize(
    ("kind", "body", "encoding"),
    [
        ("text/html", LONG, "quoted-printable"),
        ("text/plain; charset=utf-8", RUSSIAN, "base64"),
        ("image/svg+xml", LONG, "base64"),
    ],
)
def test_what_can_be_read_can_be_read_encoded(kind: str, body: bytes, encoding: str) -> None:
    assert sent({"Content-Type": kind}, body)[0]["Content-Transfer-Encoding"] == encoding


def test_text_that_nothing_is_said_of_is_utf8_if_it_can_be() -> None:
    assert sent({}, GERMAN)[0]["Content-Type"] == "text/plain; charset=utf-8"
    assert sent({}, "Grüße\r\n".encode("latin-1"))[0]["Content-Type"] is None


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", base64.b64encode(OCTETS) + b"\r\n", OCTETS),
        ("base64", b"\xff\r\n" + base64.encodebytes(OCTETS), OCTETS),
        ("quoted-printable", b"=41 " * 400 + b"\r\n", b"A " * 400 + b"\r\n"),
    ],
)
def test_what_is_encoded_in_long_lines_is_encoded_again(
    encoding: str, body: bytes, content: bytes
) -> None:
    fields = {"Content-Type": "application/x-own", "Content-Transfer-Encoding": encoding}
    mail, changed = sent(fields, body)
    assert not recode.is_fragile(changed)
    assert mail.get_payload(decode=True) == content


def test_only_the_parts_that_need_it_are_encoded() -> None:
    image = part("image/png", "base64", base64.encodebytes(OCTETS).replace(b"\n", b"\r\n"))
    forwarded = b"Subject: old\r\n\r\n" + LONG + b"\r\n"
    body = mixed(
        part("text/plain; charset=utf-8", "8bit", GERMAN),
        image,
        part("message/rfc822", "8bit", forwarded),
        b"\r\n" + LONG,
    )
    fields = {
        "MIME-Version": "1.0",
        "Content-Type": "multipart/mixed;\n\tboundary=limit",
        "Content-Transfer-Encoding": "8bit",
    }

    mail, changed = sent(fields, body)

    assert not recode.is_fragile(changed) and mail["Content-Transfer-Encoding"] == "7bit"
    assert changed.startswith(b"For old readers.") and changed.endswith(b"\r\nAnd after.\r\n")
    assert image in changed
    parts: Any = mail.get_payload()
    text, picture, message, bare = parts
    assert text.get_payload(decode=True) == GERMAN
    assert message["Content-Transfer-Encoding"] == "7bit"
    (old,) = message.get_payload()
    assert old["Subject"] == "old"
    assert old.get_payload(decode=True) == LONG + b"\r\n"
    assert bare.get_payload(decode=True) == LONG


SIGNED = b'Content-Type: multipart/signed;\r\n\tboundary="limit";\r\n  protocol=own\r\n\r\n'
SIGNED += mixed(part("text/plain; charset=utf-8", "8bit", GERMAN), b"Content-Type: a/own\r\n\r\nx")


@pytest.mark.parametrize(
    "body",
    [
        SIGNED,
        part("text/plain", "x-own", GERMAN),
        part("text/plain", "base64", b"A" * 1001),
        b"Content-Type: multipart/mixed\r\n\r\n" + GERMAN,
        b"Content-Type: multipart/mixed; boundary=other\r\n\r\n" + GERMAN,
    ],
)
def test_what_cannot_be_encoded_stays_as_it_is(body: bytes) -> None:
    fields = {"MIME-Version": "1.0", "Content-Type": "multipart/mixed; boundary=outer"}
    whole = b"--outer\r\n" + body + b"\r\n--outer--\r\n"
    assert recode.recoded(fields, whole) == (fields, whole)


@pytest.mark.parametrize(
    ("value", "folded"),
    [
        ("short", "short"),
        ("a" * 3000, "a" * 3000),
        ("a" * 900 + " " + "b" * 900 + "\n c", "a" * 900 + "\n " + "b" * 900 + "\n c"),
        ("<a@b> " * 400, None),
    ],
)
def test_long_header_lines_are_folded_at_white_space(value: str, folded: str | None) -> None:
    result = recode.fold("References", value)
    assert folded is None or result == folded
    assert result.replace("\n", "") == value.replace("\n", "")
    if " " in value:
        assert not recode.has_long_line(f"References: {result}".encode())
