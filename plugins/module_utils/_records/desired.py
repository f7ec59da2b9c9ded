# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One desired record in the format of dns_records. Pure."""

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
    """Return a record, or the request to remove it when it is not *wanted*.

    The level is `required` if mail does not work without the record, `recommended` if others may
    distrust it, `optional` if it is a convenience.

    The values are None until their key exists. For a record that is not wanted, the values are
    those that an earlier run may have published: only these are removed. Without values the whole
    RRset is removed, so its name must be one that nobody else uses.
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
