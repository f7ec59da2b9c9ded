# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the attachments of a message: each part that is no multipart, whatever type it claims.

Not by email.parser: it compares each line with the boundaries of all levels, and nests as deeply as
the sender likes. Here each level is searched once, and all that a sender can repeat has a limit.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.message import Message

from pillarbox.reports.foreign import Refused

# Levels of multipart; a signed report that a list has passed on has three.
MOST_LEVELS = 5
MOST_PARTS = 50
# Bytes of the header of a message or part. Postfix allows 100 KiB by default.
MOST_HEADER = 131072
# Characters of one field that are looked at.
MOST_FIELD = 2000

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]")


class _Walk:
    """A walk over the parts of a message, which stay where they are in it."""

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.parts = 0

    def parts_of(self, start: int, end: int, level: int, attached: bool) -> Iterator[bytes]:
        """Yield the decoded parts of a message or part."""
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise Refused(f"the message has more than {MOST_PARTS} parts")
        fields, body = self._header(start, end)
        kind = fields.get_content_type()
        boundary = fields.get_boundary() if kind.startswith("multipart/") else None
        if boundary:
            if level >= MOST_LEVELS:
                raise Refused(f"the message has more than {MOST_LEVELS} levels of parts")
            # latin-1, by which _header() has decoded it.
            for piece in self._pieces(body, end, boundary.encode("latin-1", "replace")):
                yield from self.parts_of(*piece, level + 1, attached)
        elif kind in ("message/rfc822", "message/global"):
            # A report that somebody has forwarded as an attachment, but not one within that.
            if not attached:
                yield from self.parts_of(body, end, level + 1, True)
        else:
            yield self._decoded(body, end, str(fields.get("Content-Transfer-Encoding", "")))

    def _header(self, start: int, end: int) -> tuple[Message, int]:
        """Return the two fields that matter, and where the body begins."""
        if self.message.startswith((b"\n", b"\r\n"), start, end):
            return Message(), self.message.index(b"\n", start) + 1
        found = _HEADER_END.search(self.message, start, min(end, start + MOST_HEADER))
        if not found and end - start > MOST_HEADER:
            raise Refused("the header of the message is too long")
        stop, body = (found.start(), found.end()) if found else (end, end)
        fields = Message()
        for line in _FOLD.sub(b" ", self.message[start:stop]).split(b"\n"):
            name, _colon, value = line.partition(b":")
            field = name.strip().lower().decode("latin-1")
            # If there are several, the first counts.
            if field in ("content-type", "content-transfer-encoding") and field not in fields:
                fields[field] = value[:MOST_FIELD].strip().decode("latin-1")
        return fields, body

    def _pieces(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each part of a multipart (RFC 2046, section 5.1.1)."""
        marker = b"\n--" + boundary
        begin = -1
        # The line break before the first boundary belongs to the header.
        at = self.message.find(marker, max(start - 1, 0), end)
        while at >= 0:
            line_end = self.message.find(b"\n", at + 1, end)
            line_end = end if line_end < 0 else line_end
            rest = self.message[at + len(marker) : line_end].strip()
            if rest in (b"", b"--"):
                if begin >= 0:
                    yield begin, max(begin, at)
                if rest:
                    return
                begin = min(line_end + 1, end)
            at = self.message.find(marker, line_end, end)
        if begin >= 0:
            yield begin, end

    def _decoded(self, start: int, end: int, encoding: str) -> bytes:
        """Return the content of a part (RFC 2045, section 6)."""
        body = self.message[start:end]
        try:
            match encoding.strip().lower():
                case "base64":
                    # Missing padding is added, as all mail clients do.
                    return binascii.a2b_base64(body + b"==")
                case "quoted-printable":
                    return binascii.a2b_qp(body)
        except binascii.Error:
            raise Refused("an attachment is damaged (base64)") from None
        return body


def attachments(message: bytes) -> Iterator[bytes]:
    """Yield the content of each part of a message. Raises Refused where it breaks a limit."""
    return _Walk(message).parts_of(0, len(message), 0, False)
