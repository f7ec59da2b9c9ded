# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One desired record as dns_records takes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DesiredRecord = dict[str, Any]


def record(
    name: str,
    rdtype: str,
    values: Iterable[str] | None,
    level: str,
    reason: str,
    wanted: bool = True,
) -> DesiredRecord:
    """Return a record, or what takes it away when it is not *wanted*.

    Values None means that they are not known before their key exists. For a record that is not
    wanted the values are what a former run may have published: they go and others stay. Without
    values all of the RRset goes, so its name must be one that nobody else has a use for.
    """
    return {
        "name": name,
        "type": rdtype,
        "values": list(values or ()),
        "state": "present" if wanted else "absent",
        "pending": values is None,
        "level": level,
        "reason": reason if wanted else f"not wanted: {reason}",
    }
