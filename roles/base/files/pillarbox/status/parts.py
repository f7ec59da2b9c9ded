# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what all roles have configured for this verb, each in its /etc/pillarbox/parts/ROLE.json.

units        systemd units; a pattern, as in systemctl(1), may match none
trees        names of configuration trees that a daemon has to load
directories  those that must not fill up, by what they contain

Checks for a single role use further keys of that role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pillarbox import parts

Parts = dict[str, dict[str, Any]]


def all_parts() -> Parts:
    """Return the part of each role that this host has. Raises Failure."""
    roles = sorted(file.stem for file in Path(parts.DIRECTORY).glob("*.json"))
    found = {role: parts.part(role) for role in roles}
    # The files of a role that was switched off remain.
    off = found.get("base", {}).get("off", [])
    return {role: part for role, part in found.items() if role not in off}


def every(found: Parts, key: str) -> list[str]:
    """Return the items of the lists under a key in all parts."""
    return [item for part in found.values() for item in part.get(key, [])]
