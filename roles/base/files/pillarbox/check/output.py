# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print findings for people and for programs."""

from __future__ import annotations

import json
import textwrap
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pillarbox.check.finding import (
    CRITICAL,
    NOTE,
    OK,
    STATUSES,
    UNKNOWN,
    WARNING,
    Finding,
)
from pillarbox.metrics.text import Family, gauge
from pillarbox.page.frame import plain
from pillarbox.status.finding import counted, without_users

WIDTH = 80
# Of ECMA-48: green, blue, yellow, bold yellow, bold red.
COLOURS = {OK: "32", NOTE: "34", UNKNOWN: "33", WARNING: "1;33", CRITICAL: "1;31"}
# As Nagios plugins end: development guidelines of the Monitoring Plugins.
EXIT = {OK: 0, NOTE: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3}


def worst(findings: Iterable[Finding]) -> str:
    """Return the most urgent status; one that is unknown hides no warning."""
    return max((finding.status for finding in findings), key=STATUSES.index, default=OK)


def as_text(findings: list[Finding], host: str, now: float, everything: bool, colours: bool) -> str:
    """Return the findings as text, the most urgent first; those that are fine only as a number."""
    lines = [f"{host}, {time.strftime('%Y-%m-%d %H:%M %Z', time.localtime(now))}", ""]
    shown = [finding for finding in findings if everything or finding.status != OK]
    for finding in sorted(shown, key=lambda one: -STATUSES.index(one.status)):
        lines += _paragraph(finding, now, colours)
    if shown:
        lines.append("")
    return "\n".join([*lines, summary(findings)])


def summary(findings: list[Finding]) -> str:
    """Return how many findings there are of each status."""
    counts = Counter(finding.status for finding in findings)
    numbers = ", ".join(
        counted(counts[status], status, "" if status in (NOTE, WARNING) else status)
        for status in reversed(STATUSES)
        if counts[status]
    )
    return f"{counted(len(findings), 'finding')}: {numbers}"


def _paragraph(finding: Finding, now: float, colours: bool) -> list[str]:
    status = f"{finding.status:9}"
    if colours:
        status = f"\033[{COLOURS[finding.status]}m{status}\033[0m"
    subject = f"{finding.check}, {finding.subject}" if finding.subject else finding.check
    wanted = f" (wanted: {finding.wanted})" if finding.wanted and finding.status != OK else ""
    day = finding.since[:10]
    since = f", since {day}" if day and day != time.strftime("%Y-%m-%d", time.gmtime(now)) else ""
    text = textwrap.wrap(
        plain(f"{subject}: {finding.found}{wanted}{since}"), WIDTH - 9, break_on_hyphens=False
    )
    lines = [f"{status}{text[0]}", *(" " * 9 + line for line in text[1:])]
    if finding.remedy and finding.status != OK:
        lines += textwrap.wrap(
            plain(finding.remedy),
            WIDTH,
            initial_indent=" " * 9 + "→ ",
            subsequent_indent=" " * 11,
            break_on_hyphens=False,
        )
    return lines


def as_json(findings: list[Finding], host: str, now: float) -> str:
    """Return the findings as a JSON object."""
    return json.dumps(as_object(findings, host, now), indent=2, ensure_ascii=False)


def as_object(findings: list[Finding], host: str, now: float) -> dict[str, Any]:
    """Return the findings as they are in JSON."""
    return {
        "host": host,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "status": worst(findings),
        "findings": [finding._asdict() for finding in findings],
    }


def as_metrics(findings: list[Finding]) -> Family:
    """Return the number of findings by check and status, for Prometheus.

    Zeros too, so that a rule sees the first finding.
    """
    counts = Counter((finding.check, finding.status) for finding in findings)
    checks = sorted({finding.check for finding in findings})
    return gauge(
        "pillarbox_check_findings",
        "Findings of pillarbox check.",
        *(
            ({"check": check, "status": status}, counts[check, status])
            for check in checks
            for status in STATUSES
        ),
    )


def as_mail(new: list[Finding], gone: list[str], host: str, now: float) -> str:
    """Return a message about what changed; empty if nothing did."""
    if not new and not gone:
        return ""
    lines = [f"Subject: {host}: {_subject(new, gone)}", "", ""]
    for finding in sorted(new, key=lambda one: -STATUSES.index(one.status)):
        lines += _paragraph(finding, now, False)
    if gone:
        lines += ["", "No longer found:", *(f"  {plain(key)}" for key in gone)]
    lines += ["", "For everything: pillarbox check. Nothing was changed on the host."]
    return "\n".join(lines) + "\n"


def as_alert(new: list[Finding], host: str) -> str:
    """Return a line about the critical findings among new ones, without users; else nothing."""
    urgent = [finding for finding in new if finding.status == CRITICAL]
    if not urgent:
        return ""
    first = urgent[0]
    subject = f"{first.check}, {first.subject}" if first.subject else first.check
    more = f"; {counted(len(urgent) - 1, 'more critical finding')}" if len(urgent) > 1 else ""
    return plain(f"{host}: critical: {subject}: {without_users(first.found)}{more}")


def _subject(new: list[Finding], gone: list[str]) -> str:
    parts = []
    if new:
        first = max(new, key=lambda one: STATUSES.index(one.status))
        parts.append(f"{first.status} {plain(first.check)}")
    if len(new) > 1:
        parts.append(f"{len(new) - 1} more")
    if gone:
        parts.append(f"{len(gone)} resolved")
    return ", ".join(parts)
