# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Postfix's log from the systemd journal, from where the last reading ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from pillarbox.status.ask import lines_of
from pillarbox.tls.lines import DAEMONS

# Debian 12 runs Postfix in the second unit. journald determines the unit itself, while any process
# can claim to be a daemon of Postfix.
UNITS = ("postfix.service", "postfix@-.service")
# Seconds for a reading. What remains is read by the next one.
PATIENCE = 1800.0


class Entry(NamedTuple):
    """A line of the log: its position, its time in seconds, daemon and process, and the text."""

    cursor: str
    at: float
    daemon: str
    pid: str
    text: str


def entries(cursor: str, days: int) -> Iterator[Entry]:
    """Yield the lines from a cursor on, including that one; without cursor, those of some days.

    Raises Cut, Unanswered.
    """
    # Not --after-cursor, which does not tell whether the journal still has that entry.
    start = f"--cursor={cursor}" if cursor else f"--since=-{days}d"
    command = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", start]
    command.append("--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID")
    command += [f"_SYSTEMD_UNIT={unit}" for unit in UNITS]
    command += [f"SYSLOG_IDENTIFIER={daemon}" for daemon in DAEMONS]
    for line in lines_of(*command, patience=PATIENCE):
        yield entry(line)


def entry(line: bytes) -> Entry:
    """Return an entry from its JSON."""
    fields = json.loads(line)
    text = fields.get("MESSAGE")
    # Text that is not UTF-8 is a list of bytes (systemd.io/JOURNAL_EXPORT_FORMATS).
    if isinstance(text, list):
        text = bytes(byte for byte in text if isinstance(byte, int)).decode(errors="replace")
    return Entry(
        fields["__CURSOR"],
        int(fields["__REALTIME_TIMESTAMP"]) / 1_000_000,
        str(fields.get("SYSLOG_IDENTIFIER")),
        str(fields.get("SYSLOG_PID")),
        str(text),
    )


def same(cursor: str, other: str) -> bool:
    """Whether two cursors are of the same entry.

    Its sequence number, the first two items, changes when journald moves it to the disk.
    """
    return cursor.split(";")[2:] == other.split(";")[2:]
