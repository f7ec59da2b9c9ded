# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all roles have configured of this verb, each in its /etc/pillarbox/parts/ROLE.json.

units        systemd units; a pattern as systemctl(1) knows them may match none
pending      files that are there while a daemon has not loaded its configuration
directories  those that must not get full, by what is in them

Looks at what only one role has take the keys of that role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pillarbox import parts

Parts = dict[str, dict[str, Any]]


def all_parts() -> Parts:
    """The parts of all roles that this host has, by role. Raises Failure."""
    files = sorted(Path(parts.DIRECTORY).glob("*.json"))
    return {file.stem: parts.part(file.stem) for file in files}


def every(found: Parts, key: str) -> list[str]:
    """The items of all lists of a name."""
    return [item for part in found.values() for item in part.get(key, [])]
