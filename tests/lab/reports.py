# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of the mail host that arrive at the other mail server."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tests.lab import lab

# What the host keeps of reports that it has read.
KEPT = "/var/lib/pillarbox-reports/reports.sqlite"
MAILDIR = "grep -rlF -- {} /home/bob/Maildir/new"


def arrived(mark: str) -> set[str]:
    """Return the files with messages at the other server that contain a text."""
    return set(lab.on("peer", MAILDIR.format(shlex.quote(mark)), check=False).split())


def flush() -> None:
    """Have all reports sent that are due by now, and wait until they have arrived."""
    lab.on("mx", "pillarbox reports send --now")
    queues = "postqueue -j | grep -c mailreports@"

    def gone() -> bool | None:
        return (
            all(lab.on(host, queues, check=False).strip() == "0" for host in ("mx", "peer")) or None
        )

    lab.eventually("the reports so far to arrive", gone)


def new_report(mark: str, before: set[str]) -> bytes:
    """Have all reports sent until there is one more at the other server, and return it."""

    def found() -> bytes | None:
        lab.on("mx", "pillarbox reports send --now")
        files = arrived(mark) - before
        return lab.on("peer", f"cat {shlex.quote(files.pop())}").encode() if files else None

    return lab.eventually(f"a report with {mark}", found)


def read(report: bytes, *domains: str) -> dict[str, Any]:
    """Return what our own program reads in a report, by domain."""
    served = " ".join(f"--served {domain}" for domain in domains)
    lab.on("mx", f"rm -f {KEPT}*")
    said = lab.on("mx", f"pillarbox reports receive {served}", report.decode())
    assert said.count("kept: ") == len(domains), said
    found = json.loads(lab.on("mx", "pillarbox reports --json"))["domains"]
    return {each["domain"]: each for each in found}
