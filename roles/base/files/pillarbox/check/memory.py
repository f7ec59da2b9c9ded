# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a finding exists, and what changed since the last report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pillarbox.check.finding import NOTE, OK, UNKNOWN, Finding
from pillarbox.files import read, replace

FILE = Path("/var/lib/pillarbox/check.json")


class Memory:
    """The findings of the last run that were not "ok", by their keys: status, text and time."""

    def __init__(self, file: Path = FILE) -> None:
        self.file = file
        try:
            self.before: dict[str, dict[str, Any]] = json.loads(read(file) or b"{}")
        except ValueError:
            # It is only about when something began.
            self.before = {}

    def dated(self, findings: Iterable[Finding], now: float) -> list[Finding]:
        """Return the findings with the time at which each began."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return [
            finding
            if finding.status == OK
            else finding._replace(since=self._since(finding) or clock)
            for finding in findings
        ]

    def _since(self, finding: Finding) -> str:
        known = self.before.get(finding.key, {})
        since: str = known.get("since", "")
        # An interruption by "unknown" does not end a finding, and is none of its own.
        return since if known.get("status") in (finding.status, UNKNOWN) else ""

    def changes(self, findings: list[Finding]) -> tuple[list[Finding], list[str]]:
        """Return the findings that are new or have another status, and the former ones now gone.

        What is unknown is neither: the next run may know.
        """
        new = [
            finding
            for finding in findings
            if finding.status not in (OK, NOTE, UNKNOWN)
            and self.before.get(finding.key, {}).get("status") != finding.status
        ]
        bad = {finding.key for finding in findings if finding.status not in (OK, NOTE)}
        gone = [
            key
            for key, known in self.before.items()
            if known["status"] not in (NOTE, UNKNOWN) and key not in bad
        ]
        return new, sorted(gone)

    def remember(self, findings: Iterable[Finding]) -> None:
        """Write what was found for the next run; one that is unknown now keeps its status."""
        now: dict[str, dict[str, Any]] = {}
        for finding in findings:
            if finding.status == OK:
                continue
            known = self.before.get(finding.key)
            if finding.status == UNKNOWN and known:
                now[finding.key] = known
            else:
                now[finding.key] = {"status": finding.status, "since": finding.since}
        replace(self.file, json.dumps(now, indent=1).encode())
