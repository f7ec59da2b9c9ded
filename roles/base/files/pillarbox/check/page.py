# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print findings as a page for web browsers: one file that loads nothing and runs no script."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from html import escape

from pillarbox.check.finding import OK, STATUSES, Finding
from pillarbox.check.output import plain, summary

# On light and on dark paper, each with a contrast of at least 4.5 (WCAG 2.2 section 1.4.3).
STYLE = """\
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1c1c; --line: #d0d0d0;
  --ok: #1b6e3c; --note: #1f4fa3; --unknown: #6b5b00; --warning: #a04000; --critical: #b00020 }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1b1d; --ink: #ececec; --line: #47474c;
  --ok: #6fd39a; --note: #8fb4f5; --unknown: #d9c65a; --warning: #f5a45c; --critical: #ff8a8a } }
body { background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere;
  padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top }
th[scope=row] { font-weight: normal; min-width: 6rem; width: 25% }
small { display: block }
td:first-child { overflow-wrap: normal }
.ok { color: var(--ok) } .note { color: var(--note) } .unknown { color: var(--unknown) }
.warning, .critical { font-weight: bold }
.warning { color: var(--warning) } .critical { color: var(--critical) }
"""


def as_page(findings: list[Finding], host: str, now: float) -> str:
    """Return the findings as HTML, the most urgent first; those that are fine can be unfolded."""
    urgent = sorted(findings, key=lambda one: -STATUSES.index(one.status))
    bad = [finding for finding in urgent if finding.status != OK]
    fine = [finding for finding in findings if finding.status == OK]
    at = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{_text(host)}: {_text(summary(findings))}</title>",
        f"<style>{STYLE}</style>",
        f"<h1>{_text(host)}</h1>",
        f"<p>{_text(summary(findings))}, {_text(at)}</p>",
        *(_table(bad) if bad else ["<p>Nothing needs attention.</p>"]),
        *(_folded(fine) if fine else []),
        "</html>",
    ])  # fmt: skip


def _folded(fine: list[Finding]) -> list[str]:
    return ["<details>", f"<summary>{len(fine)} ok</summary>", *_table(fine), "</details>"]


def _table(findings: Iterable[Finding]) -> Iterator[str]:
    yield "<table>"
    yield "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in ("Status", "Check", "Found"))
    for finding in findings:
        subject = f"<small>{_text(finding.subject)}</small>" if finding.subject else ""
        yield f'<tr><td class="{finding.status}">{finding.status}</td>'
        yield f'<th scope="row">{_text(finding.check)}{subject}</th>'
        yield f"<td>{_text(finding.found)}{''.join(_more(finding))}</td></tr>"
    yield "</table>"


def _more(finding: Finding) -> Iterator[str]:
    """Yield what to do about a finding, and since when it is there."""
    if finding.status != OK:
        if finding.wanted:
            yield f"<small>wanted: {_text(finding.wanted)}</small>"
        if finding.remedy:
            yield f"<small>→ {_text(finding.remedy)}</small>"
        if finding.since:
            yield f"<small>since {_text(finding.since[:10])}</small>"


def _text(foreign: str) -> str:
    return escape(plain(foreign))
