# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, file systems, memory, and what "pillarbox status" finds."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from pillarbox.metrics.text import Family, Sample, gauge, plain
from pillarbox.status import mail_queue, units
from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding
from pillarbox.status.host import read_only
from pillarbox.status.looks import LOOKS, look
from pillarbox.status.parts import Parts

# What the other collectors of this package read anyway, and count in more detail.
ELSEWHERE = ("daemons", "queue")
# Seconds; the file of metrics is written once a minute.
PATIENCE = 8.0


def status(parts: Parts, now: float) -> list[Family]:
    """Count the findings of "pillarbox status" by part and state."""
    looks = {name: each for name, each in LOOKS.items() if name not in ELSEWHERE}
    return [counted(look(parts, now, looks, PATIENCE))]


def counted(findings: list[Finding]) -> Family:
    """Return the number of findings; each part has all states, so that none is ever missing."""
    counts = Counter((finding.part, finding.state) for finding in findings)
    parts = dict.fromkeys(finding.part for finding in findings)
    return gauge(
        "pillarbox_status_findings",
        "Findings of pillarbox status, except for its daemons, jobs and queue.",
        *(
            ({"part": part, "state": state}, counts[part, state])
            for part in parts
            for state in (OK, ATTENTION, UNKNOWN)
        ),
    )


def unit_states(parts: Parts, now: float) -> list[Family]:
    """Report each daemon, timer and job."""
    return [
        gauge(
            "pillarbox_unit_ok",
            "Whether a daemon or timer is active, or the last run of a job did not fail.",
            *(
                ({"unit": unit["Id"], "part": units.part_of(unit)}, not units.fault(unit))
                for unit in units.shown(parts)
            ),
        )
    ]


def queue(parts: Parts, now: float) -> list[Family]:
    """Report the queues of Postfix."""
    if "postfix" not in parts:
        return []
    tally = mail_queue.read()
    # These are always there, so that a rule sees them grow from zero.
    names = sorted({"active", "deferred", "hold", "incoming", "maildrop", *tally.queues})
    return [
        gauge(
            "pillarbox_queue_messages",
            "Messages in a queue of Postfix.",
            *(({"queue": name}, tally.queues[name]) for name in names),
        ),
        gauge(
            "pillarbox_queue_oldest_age_seconds",
            "Age of the oldest message in a queue of Postfix; 0 if there is none.",
            *(
                ({"queue": name}, max(0.0, now - tally.oldest[name]) if name in tally.oldest else 0)
                for name in names
            ),
        ),
    ]


def file_systems(parts: Parts, now: float) -> list[Family]:
    """Report the file systems that store mail; one that is gone has no numbers, but is counted."""
    size: list[Sample] = []
    free: list[Sample] = []
    inodes: list[Sample] = []
    free_inodes: list[Sample] = []
    closed: list[Sample] = []
    for part in parts.values():
        for name, directory in part.get("directories", {}).items():
            labels = {"directory": name, "path": directory}
            try:
                found = os.statvfs(directory)
            except OSError:
                # Of which "status" has a finding.
                continue
            # As df(1) calculates it: what only root may use counts as used.
            size.append((labels, found.f_frsize * found.f_blocks))
            free.append((labels, found.f_frsize * found.f_bavail))
            # File systems such as btrfs have no limit.
            if found.f_files:
                inodes.append((labels, found.f_files))
                free_inodes.append((labels, found.f_favail))
            closed.append((labels, read_only(directory)))
    where = "the file system that has a directory of the mail server."
    return [
        gauge("pillarbox_filesystem_size_bytes", f"Size of {where}", *size),
        gauge("pillarbox_filesystem_avail_bytes", f"Space left on {where}", *free),
        gauge("pillarbox_filesystem_files", f"Inodes of {where}", *inodes),
        gauge("pillarbox_filesystem_files_free", f"Inodes left on {where}", *free_inodes),
        gauge("pillarbox_filesystem_readonly", f"Whether nothing can write to {where}", *closed),
    ]


def memory(parts: Parts, now: float) -> list[Family]:
    """Report the memory of the host, by proc_meminfo(5)."""
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    sizes = dict(re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.MULTILINE))
    return [
        plain("pillarbox_memory_size_bytes", "Memory.", 1024 * int(sizes["MemTotal"])),
        plain(
            "pillarbox_memory_available_bytes",
            "Memory that programs can have without swapping.",
            1024 * int(sizes["MemAvailable"]),
        ),
    ]
