# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mail programs cache of a mailbox."""

from __future__ import annotations

import hashlib
import re

from tests.lab import lab

# A folder's contents: its UIDVALIDITY, and the UID, flags and digest of each message.
Folder = tuple[str, dict[str, tuple[str, str]]]


def folders(address: str) -> dict[str, Folder]:
    """Return the state of a mailbox that mail programs cache; a new UIDVALIDITY invalidates it."""
    found: dict[str, Folder] = {}
    with lab.imap(address) as session:
        for line in session.list()[1]:
            assert isinstance(line, bytes)
            if rb"\Noselect" in line:
                continue
            name = line.decode().rsplit(' "/" ', 1)[1]
            session.select(name, readonly=True)
            validity = session.response("UIDVALIDITY")[1][0]
            messages = {}
            _, data = session.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
            for part in data:
                if isinstance(part, tuple):
                    head = part[0].decode()
                    uid = re.findall(r"UID (\d+)", head)[0]
                    # \Recent is about sessions; IMAP4rev2 has no such flag (RFC 9051 appendix E).
                    flags = {*re.findall(r"FLAGS \((.*?)\)", head)[0].split()} - {r"\Recent"}
                    digest = hashlib.sha256(part[1]).hexdigest()
                    messages[uid] = " ".join(sorted(flags)), digest
            found[name] = validity.decode(), messages
    return found


def subscribed(address: str) -> list[str]:
    """Return the folders that a mail program shows."""
    with lab.imap(address) as session:
        return sorted(line.decode() for line in session.lsub()[1] if isinstance(line, bytes))
