# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of ``status``, and how times are written in them."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

OK, ATTENTION, UNKNOWN = "ok", "attention", "unknown"
# Characters quoted from a log or from another server.
QUOTE = 150
# The name of a user in an address, but not the first half of a unit's name.
_LOCAL_PART = re.compile(r"[^\s<>\"'(),;:]+@(?=[\w\[])(?![\w.-]*\.(?:service|socket|timer)\b)")


class Finding(NamedTuple):
    """One fact: its subject, whether somebody has to act, and what to do."""

    part: str
    subject: str
    state: str
    text: str
    remedy: str = ""


def quoted(text: str, longest: int = QUOTE) -> str:
    """Quote foreign text, shortened and without control characters for the terminal."""
    plain = "".join(c if c.isprintable() else " " for c in text).strip()
    shorter = plain[: longest - 1] + "…"
    return f'"{plain if len(plain) <= longest else shorter}"'


def without_users(text: str) -> str:
    """Return a text with the domains of the addresses in it only, for others than root."""
    return _LOCAL_PART.sub("…@", text)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, as in "1 domain" and "1,200 domains"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return counted(max(0, int(seconds)), "second")


def since(moment: float, now: float) -> str:
    """Return when something began, and how long ago that was."""
    return f"since {_clock(moment, now)} ({span(now - moment)})"


def _clock(moment: float, now: float) -> str:
    local = time.localtime(moment)
    pattern = "%H:%M" if local[:3] == time.localtime(now)[:3] else "%Y-%m-%d %H:%M"
    return time.strftime(pattern, local)


def at(moment: float, now: float) -> str:
    """Return when something happened, and how long ago that was."""
    return f"at {_clock(moment, now)} ({span(now - moment)} ago)"


def day(moment: float) -> str:
    """Return the date of a moment."""
    return time.strftime("%Y-%m-%d", time.localtime(moment))
