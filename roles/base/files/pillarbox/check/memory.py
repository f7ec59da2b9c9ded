# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a finding exists, and what changed since the last report."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pillarbox.check.finding import NOTE, OK, UNKNOWN, Finding
from pillarbox.check.run import Outcome
from pillarbox.files import read, replace

FILE = Path("/var/lib/pillarbox/check.json")
# Checks whose notes are reported, too: what they propose is seen by nobody otherwise.
PROPOSING = ("maturity",)


def told(finding: Finding) -> bool:
    """Whether a finding belongs into a report."""
    return finding.status not in (OK, NOTE) or (
        finding.status == NOTE and finding.check in PROPOSING
    )


class Memory:
    """What the last report was about: for each finding its check, status, time and whether it was
    reported."""

    def __init__(self, file: Path = FILE) -> None:
        self.file = file
        try:
            self.before: dict[str, dict[str, Any]] = json.loads(read(file) or b"{}")
        except ValueError:
            # It is only about when something began.
            self.before = {}

    def dated(self, outcome: Outcome, now: float) -> Outcome:
        """Return the findings with the time at which each began."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return outcome._replace(
            findings={
                name: [
                    finding
                    if finding.status == OK
                    else finding._replace(since=self._since(finding) or clock)
                    for finding in found
                ]
                for name, found in outcome.findings.items()
            }
        )

    def _since(self, finding: Finding) -> str:
        known = self.before.get(finding.key, {})
        since: str = known.get("since", "")
        return since if known.get("status") == finding.status else ""

    def changes(self, outcome: Outcome) -> tuple[list[Finding], list[str]]:
        """Return the findings to report, and the keys of former ones that are gone.

        What is unknown is reported in the second run in a row: the next one may know.
        """
        new = []
        for finding in outcome.all():
            known = self.before.get(finding.key, {})
            if finding.status == UNKNOWN:
                if known.get("status") == UNKNOWN and not known["reported"]:
                    new.append(finding)
            elif told(finding) and known.get("status") != finding.status:
                new.append(finding)
        still = {finding.key for finding in outcome.all() if told(finding)}
        gone = [
            key
            for key, known in self.before.items()
            if known["reported"] and key not in still and known["check"] not in outcome.partial
        ]
        return new, sorted(gone)

    def remember(self, outcome: Outcome) -> None:
        """Write what was found for the next run; what is unknown now keeps its former status."""
        now = {
            key: known for key, known in self.before.items() if known["check"] in outcome.partial
        }
        reported = {finding.key for finding in self.changes(outcome)[0]}
        for name, found in outcome.findings.items():
            for finding in found:
                known = self.before.get(finding.key, {})
                if finding.status == OK:
                    now.pop(finding.key, None)
                elif finding.status == UNKNOWN and known.get("status", UNKNOWN) != UNKNOWN:
                    now[finding.key] = known
                else:
                    before = known.get("status") == finding.status and known["reported"]
                    now[finding.key] = {
                        "check": name,
                        "status": finding.status,
                        "since": finding.since,
                        "reported": before or finding.key in reported,
                    }
        replace(self.file, json.dumps(now, indent=1).encode())
