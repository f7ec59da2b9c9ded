# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last daily check found, for the status page and the metrics."""

from __future__ import annotations

import json
from pathlib import Path

from pillarbox.check.finding import CRITICAL, UNKNOWN, WARNING, Finding
from pillarbox.check.run import Outcome
from pillarbox.files import read, replace

FILE = Path("/var/lib/pillarbox/findings.json")
# What "pillarbox status" finds: page and metrics look at it anew.
ANEW = "host"


def save(outcome: Outcome, now: float, file: Path = FILE) -> None:
    """Save what each check found.

    What has no answer now is as it was: an alert must not end because the DNS does not answer.
    """
    _time, found = saved(file) or (0.0, [])
    before = {one.key: one for one in found if one.status in (WARNING, CRITICAL)}
    kept = []
    for name, some in outcome.findings.items():
        if name != ANEW:
            kept += [before.get(one.key, one) if one.status == UNKNOWN else one for one in some]
    if outcome.partial:
        seen = {one.key for one in kept}
        kept += [
            one for one in before.values() if one.check in outcome.partial and one.key not in seen
        ]
    replace(file, json.dumps({"time": now, "findings": kept}).encode())


def saved(file: Path = FILE) -> tuple[float, list[Finding]] | None:
    """Return when the last check was and what it found; None if there was none."""
    try:
        whole = json.loads(read(file) or b"")
        return whole["time"], [Finding(*finding) for finding in whole["findings"]]
    except (ValueError, KeyError, TypeError):
        # There is none, or it is damaged or of another version; the next check writes it anew.
        return None
