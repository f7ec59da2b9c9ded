# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print findings for people and for programs."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterable

from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding

# In this order; other parts follow.
ORDER = (
    "daemons",
    "jobs",
    "queue",
    "held mail",
    "certificates",
    "dkim",
    "disk",
    "memory",
    "clock",
    "configuration",
    "resolver",
)
WIDTH = 80
PART, STATE = 15, 11
# Of ECMA-48: green, bold red, yellow.
COLOURS = {OK: "32", ATTENTION: "1;31", UNKNOWN: "33"}


def as_json(findings: list[Finding], host: str, now: float) -> str:
    """Return the findings as JSON."""
    whole = {
        "host": host,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "state": ATTENTION if needing(findings) else OK,
        "findings": [finding._asdict() for finding in findings],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def needing(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that need attention, which are those with a remedy."""
    return [finding for finding in findings if finding.remedy]


def screen(findings: list[Finding], host: str, now: float, colours: bool) -> str:
    """Return the findings as text: a line for each, then the remedies."""
    lines = [f"{host}, {time.strftime('%Y-%m-%d %H:%M %Z', time.localtime(now))}", ""]
    former = ""
    for finding in sorted(findings, key=place):
        lines += _row(finding, "" if finding.part == former else finding.part, colours)
        former = finding.part
    return "\n".join([*lines, "", *_remedies(needing(findings))])


def place(finding: Finding) -> tuple[int, bool]:
    """Return the sort key: parts in their order, and in each first what needs attention."""
    known = finding.part in ORDER
    return ORDER.index(finding.part) if known else len(ORDER), finding.state == OK


def _row(finding: Finding, label: str, colours: bool) -> list[str]:
    text = textwrap.wrap(
        f"{finding.subject}: {finding.text}" if finding.subject else finding.text,
        WIDTH - PART - STATE,
        break_on_hyphens=False,
    )
    state = f"{finding.state:{STATE}}"
    if colours:
        state = f"\033[{COLOURS[finding.state]}m{state}\033[0m"
    first, *others = text or [""]
    return [f"{label:{PART}}{state}{first}", *(" " * (PART + STATE) + line for line in others)]


def _remedies(findings: list[Finding]) -> list[str]:
    """Return the remedies, each once per part."""
    if not findings:
        return ["Nothing needs attention."]
    lines = ["Needs attention:"]
    remedies = [(finding.part, finding.remedy) for finding in sorted(findings, key=place)]
    for part, remedy in dict.fromkeys(remedies):
        lines += textwrap.wrap(
            f"{part}: {remedy}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
            break_on_hyphens=False,
        )
    return lines
