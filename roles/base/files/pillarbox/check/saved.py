# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last daily check found, for the status page."""

from __future__ import annotations

import json
from pathlib import Path

from pillarbox.check.finding import Finding
from pillarbox.check.run import Outcome
from pillarbox.files import read, replace

FILE = Path("/var/lib/pillarbox/findings.json")
# What "pillarbox status" finds, which the page looks at anew.
ANEW = "host"


def save(outcome: Outcome, now: float, file: Path = FILE) -> None:
    """Save what was found."""
    found = [
        finding
        for name, findings in outcome.findings.items()
        if name != ANEW
        for finding in findings
    ]
    replace(file, json.dumps({"time": now, "findings": found}).encode())


def saved(file: Path = FILE) -> tuple[float, list[Finding]] | None:
    """Return when the last check was and what it found; None if there was none."""
    try:
        whole = json.loads(read(file) or b"")
    except ValueError:
        # There is none, or it is damaged; the next check writes it anew.
        return None
    return whole["time"], [Finding(*finding) for finding in whole["findings"]]
