# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others report: DMARC and TLS, by domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pillarbox.page.frame import text
from pillarbox.reports import screen
from pillarbox.reports.command import SHOW_DAYS
from pillarbox.reports.own import addresses
from pillarbox.reports.store import DAY, FILE, opened_to_read
from pillarbox.reports.summary import Summary, summaries
from pillarbox.status.finding import counted

COLUMNS = ("About", "Number", "Reported")


def html(now: float, file: Path = FILE) -> Iterator[str]:
    """Yield a summary for each domain, those that need attention unfolded."""
    found = []
    if file.exists():
        with opened_to_read(file) as store:
            found = summaries(store, now - SHOW_DAYS * DAY, addresses())
    if not found:
        yield f"<p>No reports about the last {counted(SHOW_DAYS, 'day')}.</p>"
    for summary in sorted(found, key=lambda one: not one.advice):
        yield from _domain(summary)


def _domain(summary: Summary) -> Iterator[str]:
    yield f"<details{' open' if summary.advice else ''}>"
    yield f"<summary>{text(screen.heading(summary, SHOW_DAYS))}</summary>"
    for advice in summary.advice:
        yield f'<p class="warning">{text(advice)}</p>'
    yield "<table>"
    yield "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in COLUMNS) + "</tr>"
    for kind in screen.kinds(summary):
        for label, said in screen.facts(summary, kind):
            yield _row(label, f'<td colspan="2">{text(said)}</td>')
        for label, group in screen.groups(summary, kind):
            for said, number in group:
                yield _row(label, f'<td class="number">{number:,}</td><td>{text(said)}</td>')
    yield "</table>"
    yield "</details>"


def _row(label: str, cells: str) -> str:
    return f'<tr><th scope="row">{text(label)}</th>{cells}</tr>'
