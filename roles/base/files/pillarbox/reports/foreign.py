# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strings and numbers that others chose, as far as they are safe to keep and to show."""

from __future__ import annotations

import re
from ipaddress import ip_address

from pillarbox.status.finding import quoted

# The largest count of messages or sessions in a report. SQLite adds a billion of them.
MOST_COUNT = 2**31
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_WORD = re.compile(r"[a-z0-9_-]{1,40}")
_COUNT = re.compile(r"[0-9]{1,10}")


class Refused(Exception):
    """A report that is not kept: why, as part of a sentence, in printable characters."""


def plain(text: str, longest: int = 200) -> str:
    """Return text in one line, without control characters, cut at a length."""
    # What is not printable includes what changes the direction of writing.
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * longest])
    return " ".join(line.split())[:longest]


def domain(text: str) -> str:
    """Return a domain in lower case, empty if it is none."""
    name = text[:300].strip().lower().removesuffix(".")
    return name if len(name) <= 253 and _NAME.fullmatch(name) else ""


def word(text: str) -> str:
    """Return a value of an enumeration in lower case, empty if it cannot be one."""
    value = text[:100].strip().lower()
    return value if _WORD.fullmatch(value) else ""


def address(name: str, text: str) -> str:
    """Return an IP address in its usual form. Raises Refused, with the name of the field."""
    stripped = text.strip()
    try:
        # The zone of a scoped address (RFC 4007) may contain anything.
        if len(stripped) > 45 or "%" in stripped:
            raise ValueError
        return ip_address(stripped).compressed
    except ValueError:
        raise Refused(f"its {name} {quoted(text[:100], 40)} is not an IP address") from None


def number(name: str, text: str, most: int = MOST_COUNT) -> int:
    """Return a number from zero to a limit. Raises Refused, with the name of the field."""
    digits = text.strip()
    # Before int(), for which ten million digits are a number too.
    if not _COUNT.fullmatch(digits) or int(digits) > most:
        raise Refused(f"its {name} {quoted(text[:100], 40)} is not a number up to {most}")
    return int(digits)
