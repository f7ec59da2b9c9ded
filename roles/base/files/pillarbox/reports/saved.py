# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports in files: saved messages, mbox files, Maildirs, and reports without a message."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from pillarbox import Failure
from pillarbox.reports.foreign import Refused
from pillarbox.reports.unpack import MOST_BYTES, Document, bare, from_message, unpacked

# Bytes to read at a time: others wrote the file, which may be a single line.
PIECE = 65536


def from_path(path: Path) -> Iterator[list[Document | Refused]]:
    """Yield what each message has, or the file itself if it is a report. Raises Failure."""
    if path.is_dir():
        if not ((path / "cur").is_dir() and (path / "new").is_dir()):
            raise Failure(f"{path} is not a Maildir, a directory with cur and new")
        for file in sorted([*(path / "cur").iterdir(), *(path / "new").iterdir()]):
            with _opened(file) as stream:
                yield list(from_message(stream.read(MOST_BYTES + 1)))
        return
    with _opened(path) as stream:
        if stream.peek(5).startswith(b"From "):
            for message in mbox(stream):
                yield list(from_message(message))
            return
        content = stream.read(MOST_BYTES + 1)
    if len(content) <= MOST_BYTES and bare(content):
        yield _bare(content)
    else:
        yield list(from_message(content))


def _bare(content: bytes) -> list[Document | Refused]:
    try:
        return list(unpacked(content))
    except Refused as refused:
        return [refused]


def _opened(path: Path) -> BufferedReader:
    try:
        # Without O_NONBLOCK, a named pipe would keep it waiting.
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise Failure(f"{path} is neither a file nor a Maildir")
    return stream


def mbox(stream: BufferedReader) -> Iterator[bytes]:
    """Yield the messages of an mbox file, of larger ones the first MOST_BYTES + 1 bytes.

    The module mailbox reads whole lines and messages, however long they are.
    """
    message = bytearray()
    # A message begins with "From ", after an empty line; so does the file.
    stream.readline(PIECE)
    after_line, after_empty = True, False
    while piece := stream.readline(PIECE):
        if after_empty and piece.startswith(b"From "):
            yield bytes(message)
            message.clear()
        elif len(message) <= MOST_BYTES:
            message += piece
        after_empty = after_line and piece in (b"\n", b"\r\n")
        after_line = piece.endswith(b"\n")
    yield bytes(message)
