# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages for web browsers have in common. They run no script and load nothing from elsewhere.

Texts of others must pass through text().
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape

# On light and on dark paper, each with a contrast of at least 4.5 (WCAG 2.2 section 1.4.3).
STYLE = """\
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1c1c; --line: #d0d0d0;
  --ok: #1b6e3c; --note: #1f4fa3; --unknown: #6b5b00; --warning: #a04000; --critical: #b00020 }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1b1d; --ink: #ececec; --line: #47474c;
  --ok: #6fd39a; --note: #8fb4f5; --unknown: #d9c65a; --warning: #f5a45c; --critical: #ff8a8a } }
body { background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
a, summary { color: var(--note) }
h2 { border-top: 1px solid var(--line); margin-top: 2.5rem; padding-top: 1rem }
nav a { margin-right: 1rem }
summary { cursor: pointer; padding: .25rem 0 }
table { border-collapse: collapse; width: 100% }
table + table { margin-top: 1.5rem }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere;
  padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top }
th[scope=row] { font-weight: normal; min-width: 6rem; width: 25% }
td.number { text-align: right; white-space: nowrap; width: 4rem }
small { display: block }
td:first-child { overflow-wrap: normal }
/* What is wider than a phone is scrolled by itself. */
.wide { overflow-x: auto }
.wide th, .wide td { overflow-wrap: normal; white-space: nowrap; width: auto }
.wide img { display: block; max-width: 56rem; min-width: 40rem; width: 100% }
.ok { color: var(--ok) } .note { color: var(--note) } .unknown { color: var(--unknown) }
.warning, .critical { font-weight: bold }
.warning { color: var(--warning) } .critical { color: var(--critical) }
"""


def plain(foreign: str) -> str:
    """Return foreign text without characters that a terminal or a browser would obey."""
    return "".join(character if character.isprintable() else "�" for character in foreign)


def text(foreign: str) -> str:
    """Return foreign text as HTML."""
    return escape(plain(foreign))


def document(title: str, head: Iterable[str], body: Iterable[str]) -> str:
    """Return a page.

    Args:
        head: its style, as HTML.
        body: its content, as HTML.
    """
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{text(title)}</title>",
        *head,
        *body,
        "</html>",
    ])  # fmt: skip


def table(
    columns: Iterable[str], rows: Iterable[Sequence[str]], numbers: Collection[int] = ()
) -> Iterator[str]:
    """Yield a table whose first column names the rows; some columns are numbers."""
    yield "<table>"
    yield "<tr>" + "".join(f'<th scope="col">{text(name)}</th>' for name in columns) + "</tr>"
    for first, *others in rows:
        yield f'<tr><th scope="row">{text(first)}</th>'
        for place, cell in enumerate(others, 1):
            kind = ' class="number"' if place in numbers else ""
            yield f"<td{kind}>{text(cell)}</td>"
        yield "</tr>"
    yield "</table>"


def wide(label: str, content: Iterable[str]) -> list[str]:
    """Return content that may be wider than the screen, so that the keyboard can scroll it."""
    return [
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(label)}">',
        *content,
        "</div>",
    ]
