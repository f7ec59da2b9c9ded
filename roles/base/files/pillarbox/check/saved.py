# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the last daily check found, for the status page and the metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pillarbox.check.finding import Finding
from pillarbox.files import read, replace

FILE = Path("/var/lib/pillarbox/findings.json")
# What "pillarbox status" finds: page and metrics look at it anew.
ANEW = "host"


def save(found: Mapping[str, list[Finding]], now: float, file: Path = FILE) -> None:
    """Save what each check found."""
    kept = [finding for name, some in found.items() if name != ANEW for finding in some]
    replace(file, json.dumps({"time": now, "findings": kept}).encode())


def saved(file: Path = FILE) -> tuple[float, list[Finding]] | None:
    """Return when the last check was and what it found; None if there was none."""
    try:
        whole = json.loads(read(file) or b"")
        return whole["time"], [Finding(*finding) for finding in whole["findings"]]
    except (ValueError, KeyError, TypeError):
        # There is none, or it is damaged or of another version; the next check writes it anew.
        return None
