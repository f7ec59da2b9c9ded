# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A milter that recodes what some servers would alter, before the message is signed.

Lines of more than 998 octets, non-ASCII octets and NUL may be changed or refused on the way, which
breaks the signature. RFC 6376 section 5.3 asks signers to encode such parts first, and RFC 6409
section 8.4 allows it for submitted mail. Recipients see no difference.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from email import policy
from email.errors import InvalidBase64LengthDefect
from email.message import Message
from email.parser import BytesParser
from typing import Any

import Milter

from pillarbox.parts import part

# RFC 5322 section 2.1.1, without CRLF.
LONGEST_LINE = 998
# The fields that describe the encoding of the body. Other fields are only folded.
ENCODING = "Content-Transfer-Encoding"
MIME = ("MIME-Version", "Content-Type", ENCODING)
ENCODINGS = ("7bit", "8bit", "binary", "quoted-printable", "base64")
# A message that is signed already must stay as it is.
SIGNATURES = ("dkim-signature", "arc-seal")
# Headers stay as they are, and lines end in CRLF.
AS_WRITTEN = policy.compat32.clone(linesep="\r\n", max_line_length=0, mangle_from_=False)


class BrokenError(Exception):
    """The message cannot be serialized again unchanged."""


def is_fragile(data: bytes) -> bool:
    """Whether a server on the way may change or refuse the text."""
    return not data.isascii() or b"\0" in data or has_long_line(data)


def has_long_line(data: bytes) -> bool:
    start, with_line_end = 0, LONGEST_LINE + len("\r\n")
    while len(data) - start > LONGEST_LINE:
        # Skip several short lines at a time.
        end = data.rfind(b"\n", start, start + with_line_end)
        if end < 0:
            return True
        start = end + 1
    return False


def fold(name: str, value: str) -> str:
    """Fold the long lines of a header field at white space, where they have any.

    The signature uses relaxed canonicalization, to which folding makes no difference.
    """
    prefix = f"{name}: "
    lines: list[str] = []
    for line in (prefix + value).split("\n"):
        start = 1 if lines else len(prefix) + 1
        while len(line) > LONGEST_LINE:
            end = max(line.rfind(space, start, LONGEST_LINE + 1) for space in " \t")
            if end < 0 or line[:end].isspace():
                break
            lines.append(line[:end])
            line, start = line[end:], 1
        lines.append(line)
    return "\n".join(lines)[len(prefix) :]


def encode(part: Message, body: bytes) -> None:
    """Encode a body: text as quoted-printable unless base64 is shorter, all else as base64."""
    special = len(body) - len(re.sub(rb"[^\t\r\n -<>-~]", b"", body))
    if part.get_content_maintype() == "text" and special * 6 <= len(body):
        name, text = "quoted-printable", binascii.b2a_qp(body, istext=True)
    else:
        name, text = "base64", base64.encodebytes(body)
    if "Content-Type" not in part and not body.isascii() and is_utf8(body):
        part["Content-Type"] = "text/plain; charset=utf-8"
    del part[ENCODING]
    part[ENCODING] = name
    part.set_payload(text.decode("ascii"))


def is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def body_of(part: Message) -> bytes:
    """Return what follows the header, as it is sent."""
    return (b"\r\n" + part.as_bytes(policy=AS_WRITTEN)).partition(b"\r\n\r\n")[2]


def recode(part: Message) -> bool:
    """Encode the fragile parts of a message. Return whether none is left."""
    encoding = str(part.get(ENCODING, "7bit")).strip().lower()
    content: Any = part.get_payload()
    if part.get_content_type() == "multipart/signed":
        # Signed by the author in its present encoding (RFC 1847 section 2.1).
        return not is_fragile(body_of(part))
    if part.is_multipart():
        # All of them, even if one failed.
        done = False not in [recode(inner) for inner in content]
        if done and encoding in ("8bit", "binary"):
            part.replace_header(ENCODING, "7bit")
        return done
    if part.get_content_maintype() == "multipart":
        # No valid parts. It must not be encoded as a whole (RFC 2045 section 6.4).
        if not content.isascii():
            raise BrokenError
        return not has_long_line(content.encode())
    if not is_fragile(body_of(part)):
        return True
    if encoding not in ENCODINGS:
        return False
    content = part.get_payload(decode=True)
    if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
        return False
    encode(part, content)
    return True


def recoded(fields: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Return the encoding fields and the body, recoded so that nothing in it is fragile."""
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    text = head.encode("ascii", "surrogateescape") + b"\r\n" + body
    message = BytesParser(policy=policy.compat32).parsebytes(text)
    try:
        recode(message)
    except BrokenError:
        return fields, body
    if ENCODING in message and "MIME-Version" not in message:
        message["MIME-Version"] = "1.0"
    return dict(message.raw_items()), body_of(message)


class Recoder(Milter.Base):
    """A session with Postfix, of one or more messages."""

    @Milter.noreply  # type: ignore[untyped-decorator]
    def envfrom(self, sender: str, *options: str) -> int:
        self.fields: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self.long: list[tuple[str, int, str]] = []
        self.chunks: list[bytes] = []
        return int(Milter.CONTINUE)

    @Milter.noreply  # type: ignore[untyped-decorator]
    def header(self, name: str, value: str) -> int:
        self.seen[name.lower()] += 1
        for known in MIME:
            if name.lower() == known.lower():
                self.fields.setdefault(known, value)
        folded = fold(name, value)
        if folded != value and value.isascii():
            self.long.append((name, self.seen[name.lower()], folded))
        return int(Milter.CONTINUE)

    @Milter.noreply  # type: ignore[untyped-decorator]
    def body(self, chunk: bytes) -> int:
        self.chunks.append(chunk)
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        if any(name in self.seen for name in SIGNATURES):
            return int(Milter.CONTINUE)
        for name, index, value in self.long:
            self.chgheader(name, index, value)
        body = b"".join(self.chunks)
        if is_fragile(body):
            fields, changed = recoded(self.fields, body)
            for name, value in fields.items():
                if name not in self.fields:
                    self.addheader(name, value)
                elif value != self.fields[name]:
                    self.chgheader(name, 1, value)
            if changed != body:
                self.replacebody(changed)
        return int(Milter.CONTINUE)


def main() -> int:
    Milter.factory = Recoder
    Milter.set_flags(Milter.CHGBODY | Milter.CHGHDRS | Milter.ADDHDRS)
    # On an error, the message passes unchanged; the log has the reason.
    Milter.set_exception_policy(Milter.CONTINUE)
    Milter.runmilter("recode", f"inet:{part('recode')['port']}@127.0.0.1", timeout=300)
    return 0
