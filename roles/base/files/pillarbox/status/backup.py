# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the last backup was made, and whether the last attempt failed."""

from __future__ import annotations

from pathlib import Path

from pillarbox.backup.state import State, saved
from pillarbox.parts import DIRECTORY
from pillarbox.status.finding import ATTENTION, OK, Finding, at, counted, quoted
from pillarbox.status.parts import Parts

# Seconds: a day, and time for the random delay and a long run.
OLD = 26 * 3600
REMEDY = "see journalctl -eu pillarbox-backup for the cause; fix it, then: pillarbox backup now"


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the age of the last backup."""
    if "backup" not in parts:
        return []
    # Until the first backup, the time since which there should be one.
    return [age(saved(), Path(DIRECTORY, "backup.json").stat().st_mtime, now)]


def age(state: State, since: float, now: float) -> Finding:
    """Report the last backup."""
    made = state.get("made", 0)
    if failure := state.get("failure"):
        text = f"failed {at(state['failed'], now)}: {quoted(failure)}"
        if made:
            text += f"; the last good one was made {at(made, now)}"
        return Finding("backup", "", ATTENTION, text, REMEDY)
    if now - max(made, since if not made else 0) > OLD:
        text = f"the last one was made {at(made, now)}" if made else "there was none yet"
        return Finding("backup", "", ATTENTION, text, REMEDY)
    if not made:
        return Finding("backup", "", OK, "the first one will be made at the next scheduled time")
    text = f"made {at(made, now)}, {counted(state['files'], 'file')}"
    return Finding("backup", "", OK, text)
