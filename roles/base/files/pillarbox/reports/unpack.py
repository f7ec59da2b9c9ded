# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack reports within limits, in memory: nothing is written, and no archive within another."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from pillarbox.reports.foreign import Refused
from pillarbox.reports.mime import attachments

# Bytes of a message or file. Reporters know that receivers limit it (RFC 8460, section 5.2).
MOST_BYTES = 16_000_000
# Bytes of all reports of a message, unpacked. The report of a large provider has one million.
MOST_UNPACKED = 10_000_000
# Files of a zip archive, and members of a gzip file (RFC 1952, section 2.2).
MOST_MEMBERS = 16
# Where a report must have named its root element.
BEGINNING = 65536

DMARC, TLS = "DMARC", "TLS"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# Of an entry in the directory of a zip archive (APPNOTE, section 4.3.12).
_ENTRY = b"PK\x01\x02"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ROOT = re.compile(rb"<(?:[\w.-]+:)?feedback[\s/>]")
_TOO_LARGE = f"it unpacks to more than {MOST_UNPACKED // 1_000_000} MB"


class Document(NamedTuple):
    """A report in XML (DMARC) or JSON (TLS), which nobody has parsed yet."""

    kind: str
    content: bytes


def from_message(message: bytes) -> Iterator[Document | Refused]:
    """Yield the reports in a message, and what was refused instead of one."""
    if len(message) > MOST_BYTES:
        yield Refused(f"the message is larger than {MOST_BYTES // 1_000_000} MB")
        return
    left = MOST_UNPACKED
    try:
        for attachment in attachments(message):
            try:
                for document in unpacked(attachment, left):
                    left -= len(document.content)
                    yield document
            except Refused as refused:
                yield refused
                if str(refused) == _TOO_LARGE:
                    return
    except Refused as refused:
        yield refused


def bare(data: bytes) -> bool:
    """Whether this is a report or an archive, not a message."""
    return data.startswith((_GZIP, _ZIP)) or bool(_kind(data))


def unpacked(data: bytes, most: int = MOST_UNPACKED) -> Iterator[Document]:
    """Yield the reports in an attachment or file, of which nothing but the content counts."""
    if data.startswith(_GZIP):
        contents = iter([_gunzipped(data, most)])
    elif data.startswith(_ZIP):
        contents = _unzipped(data, most)
    else:
        contents = iter([data])
    for content in contents:
        if len(content) > most:
            raise Refused(_TOO_LARGE)
        if content is not data and content.startswith((_GZIP, _ZIP)):
            raise Refused("it is an archive within an archive")
        if kind := _kind(content):
            yield Document(kind, content)


def _kind(content: bytes) -> str:
    """Return what a report may be by its beginning, empty for other texts."""
    beginning = content[:BEGINNING]
    for mark in _MARKS:
        beginning = beginning.removeprefix(mark)
    # In UTF-16, every other byte is null.
    beginning = beginning.replace(b"\0", b"").lstrip()
    if beginning.startswith(b"{"):
        return TLS
    # A text for people may be HTML.
    return DMARC if beginning.startswith(b"<") and _ROOT.search(beginning) else ""


def _gunzipped(data: bytes, most: int) -> bytes:
    whole = b""
    for _member in range(MOST_MEMBERS):
        stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            whole += stream.decompress(data, most + 1 - len(whole))
        except zlib.error:
            raise Refused("the gzip file is damaged") from None
        if len(whole) > most:
            raise Refused(_TOO_LARGE)
        if not stream.eof:
            raise Refused("the gzip file ends too early")
        # Some reporters append a line break.
        if not stream.unused_data.startswith(_GZIP):
            return whole
        data = stream.unused_data
    raise Refused(f"the gzip file has more than {MOST_MEMBERS} members")


def _unzipped(data: bytes, most: int) -> Iterator[bytes]:
    # Counted before zipfile makes an object of each.
    if data.count(_ENTRY) > MOST_MEMBERS:
        raise Refused(f"the zip archive has more than {MOST_MEMBERS} files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                # zipfile reads these two in pieces, the other methods at once.
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise Refused("the zip archive is compressed by an unusual method")
                if member.flag_bits & 1:
                    raise Refused("the zip archive is encrypted")
                with archive.open(member) as stream:
                    content = stream.read(most + 1)
                most -= len(content)
                if most < 0:
                    raise Refused(_TOO_LARGE)
                yield content
    # What zipfile raises for archives that contradict themselves.
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        RuntimeError,
    ):
        raise Refused("the zip archive is damaged") from None
