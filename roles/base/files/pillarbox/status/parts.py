# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all roles have configured of this verb, each in its /etc/pillarbox/parts/ROLE.json.

units        systemd units; a pattern as systemctl(1) knows them may match none
trees        names of trees of configuration that a daemon has to load
directories  those that must not get full, by what is in them

Looks at what only one role has take the keys of that role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pillarbox import parts

Parts = dict[str, dict[str, Any]]


def all_parts() -> Parts:
    """The parts of the roles that this host has, by role. Raises Failure."""
    roles = sorted(file.stem for file in Path(parts.DIRECTORY).glob("*.json"))
    found = {role: parts.part(role) for role in roles}
    # Of a role that was turned off, the files are left.
    off = found.get("base", {}).get("off", [])
    return {role: part for role, part in found.items() if role not in off}


def every(found: Parts, key: str) -> list[str]:
    """The items of all lists of a name."""
    return [item for part in found.values() for item in part.get(key, [])]
