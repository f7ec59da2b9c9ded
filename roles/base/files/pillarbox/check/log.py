# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the log of the last day says about faults that nobody may have noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pillarbox.check.finding import CRITICAL, OK, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status.ask import lines_of
from pillarbox.status.finding import counted, quoted

# Seconds.
PATIENCE = 20.0
# syslog(3): critical and worse. Postfix logs "fatal" and "panic" so, Dovecot "Fatal" and "Panic".
CRIT = 2
DAEMONS = ("postfix", "dovecot", "rspamd", "unbound", "nginx", "postsrsd")
# The kernel's words for a disk that fails (ext4, xfs, the block layer).
DISK = ("I/O error", "EXT4-fs error", "XFS (", "Remounting filesystem read-only")
# Of Postfix while Dovecot is down, which is a finding of its own.
CONSEQUENCE = "no SASL authentication mechanisms"
OUT_OF_MEMORY = ("killed by the OOM killer", "Out of memory: Killed process")


class Fault(NamedTuple):
    """A kind of lines, and what to do about them."""

    subject: str
    status: str
    remedy: str


def entries(settings: Settings) -> Iterator[Finding]:
    """Look for crashes, processes killed for want of memory, and failing disks."""
    command = ("journalctl", "--quiet", "--no-pager", "--output=json", "--since=-1d")
    # In a container, the kernel is that of other containers, too.
    kernel = not Path("/run/systemd/container").exists()
    found: dict[Fault, list[str]] = {}
    for line in lines_of(*command, "--priority=err", patience=PATIENCE):
        entry = json.loads(line)
        text = entry.get("MESSAGE")
        if entry.get("_TRANSPORT") == "kernel" and not kernel:
            continue
        if isinstance(text, str) and (fault := classify(entry, text)):
            found.setdefault(fault, []).append(text)
    for fault, texts in found.items():
        text = f"{counted(len(texts), 'line')} in 24 hours, the last: {quoted(texts[-1])}"
        yield Finding("log", fault.subject, fault.status, text, "none", fault.remedy)
    if not found:
        yield Finding("log", "", OK, "no crash in 24 hours")


def classify(entry: dict[str, object], text: str) -> Fault | None:
    """Return what kind of fault a line of the journal is about, if any."""
    # systemd, or the kernel; other programs quote strangers.
    trusted = entry.get("_PID") == "1" or entry.get("_TRANSPORT") == "kernel"
    if trusted and any(words in text for words in OUT_OF_MEMORY):
        remedy = "give the host more memory, or look with systemd-cgtop -m -n 1 for what needs it"
        return Fault("memory", WARNING, remedy)
    if entry.get("_TRANSPORT") == "kernel":
        if any(words in text for words in DISK):
            remedy = "see journalctl -k -p err; back up the mail, and replace the disk"
            return Fault("disk", CRITICAL, remedy)
        return None
    unit = str(entry.get("_SYSTEMD_UNIT", ""))
    daemon = unit.partition("@")[0].removesuffix(".service")
    grave = int(str(entry.get("PRIORITY", 7))) <= CRIT and CONSEQUENCE not in text
    if grave and daemon in DAEMONS:
        return Fault(daemon, WARNING, f"see journalctl -u {unit} -p crit for what went before")
    return None
