# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of ``check``."""

from __future__ import annotations

from typing import NamedTuple

OK, NOTE, WARNING, CRITICAL, UNKNOWN = "ok", "note", "warning", "critical", "unknown"
# From harmless to urgent.
STATUSES = (OK, NOTE, UNKNOWN, WARNING, CRITICAL)


class Finding(NamedTuple):
    """What was found about one subject, what should be, and what to do."""

    check: str
    subject: str
    status: str
    found: str
    wanted: str = ""
    remedy: str = ""
    # When it was first found, in ISO 8601; empty if it is fine.
    since: str = ""

    @property
    def key(self) -> str:
        """What makes it the same finding in the next run."""
        return f"{self.check} {self.subject}"
