# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print findings as a page for web browsers: one file that loads nothing and runs no script."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from pillarbox.check.finding import OK, STATUSES, Finding
from pillarbox.check.output import summary
from pillarbox.page.frame import STYLE, document, text


def as_page(findings: list[Finding], host: str, now: float) -> str:
    """Return the findings as HTML."""
    at = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    head = [
        f"<h1>{text(host)}</h1>",
        f"<p>{text(summary(findings))}, {text(at)}</p>",
    ]
    style = f"<style>{STYLE}</style>"
    return document(f"{host}: {summary(findings)}", [style], [*head, *by_urgency(findings)])


def by_urgency(findings: list[Finding]) -> list[str]:
    """Return the most urgent findings first; those that are fine can be unfolded."""
    urgent = sorted(findings, key=lambda one: -STATUSES.index(one.status))
    bad = [finding for finding in urgent if finding.status != OK]
    fine = [finding for finding in findings if finding.status == OK]
    return [
        *(in_order(bad) if bad else ["<p>Nothing needs attention.</p>"]),
        *(_folded(fine) if fine else []),
    ]


def _folded(fine: list[Finding]) -> list[str]:
    return ["<details>", f"<summary>{len(fine)} ok</summary>", *in_order(fine), "</details>"]


def in_order(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield findings in their order."""
    yield "<table>"
    yield "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in ("Status", "Check", "Found"))
    for finding in findings:
        subject = f"<small>{text(finding.subject)}</small>" if finding.subject else ""
        yield f'<tr><td class="{finding.status}">{finding.status}</td>'
        yield f'<th scope="row">{text(finding.check)}{subject}</th>'
        yield f"<td>{text(finding.found)}{''.join(_more(finding))}</td></tr>"
    yield "</table>"


def _more(finding: Finding) -> Iterator[str]:
    """Yield what to do about a finding, and since when it is there."""
    if finding.status != OK:
        if finding.wanted:
            yield f"<small>wanted: {text(finding.wanted)}</small>"
        if finding.remedy:
            yield f"<small>→ {text(finding.remedy)}</small>"
        if finding.since:
            yield f"<small>since {text(finding.since[:10])}</small>"
