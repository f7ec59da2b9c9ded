# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the status page. A timer runs it, as what it shows changes without a request."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pillarbox.check.finding import Finding
from pillarbox.check.local import by_urgency
from pillarbox.check.memory import Memory
from pillarbox.check.output import summary
from pillarbox.check.run import Outcome
from pillarbox.check.saved import ANEW, saved
from pillarbox.files import replace
from pillarbox.page import encryption, findings, host, reports
from pillarbox.page.frame import STYLE, document, text
from pillarbox.status.finding import without_users
from pillarbox.status.looks import LOOKS, look
from pillarbox.status.mail_queue import Tally
from pillarbox.status.parts import Parts, all_parts

# nginx compares it with its own clock, by server-side includes (ngx_http_ssi_module). Each page is
# good for the rest of its hour and the next one; a timer writes a new one every few minutes.
HOUR = "%Y-%m-%dT%H"
OLD = """\
<!--# config timefmt="{pattern}" -->
<!--# if expr="$date_gmt = /^({hours})/" --><!--# else -->
<p class="critical">This page is old: it was written more than an hour ago.
systemctl status pillarbox-page.timer shows why.</p>
<!--# endif -->"""


class Section(NamedTuple):
    """A section of the page."""

    name: str
    title: str
    content: Callable[[], Iterable[str]]

    def html(self) -> Iterator[str]:
        yield f'<section aria-labelledby="{self.name}">'
        yield f'<h2 id="{self.name}">{self.title}</h2>'
        try:
            yield from [*self.content()]
        # What one section lacks must not hide the others.
        except Exception as error:
            why = str(error) or type(error).__name__
            print(f"{self.title}: {why}", file=sys.stderr)
            yield f'<p class="unknown">unknown: {text(why)}</p>'
        yield "</section>"


def page(name: str, found: list[Finding], sections: list[Section], now: float) -> str:
    """Return the page.

    Args:
        name: that of the host.
    """
    at = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    hours = "|".join(time.strftime(HOUR, time.gmtime(now + more)) for more in (0, 3600))
    links = [f'<a href="#{section.name}">{section.title}</a>' for section in sections]
    head = [
        # No icon is asked for.
        '<link rel="icon" href="data:,">',
        '<link rel="stylesheet" href="style.css">',
    ]
    body = [
        "<main>",
        f"<h1>{text(name)}</h1>",
        f"<p>{text(summary(found))}. Written {text(at)}, as every five minutes.</p>",
        OLD.format(pattern=HOUR, hours=hours),
        '<nav aria-label="Sections">',
        *links,
        "</nav>",
        *(line for section in sections for line in section.html()),
        "</main>",
    ]
    return document(f"{name}: {summary(found)}", head, body)


def files(parts: Parts, now: float) -> dict[str, str]:
    """Return the content of each file."""
    tallies: list[Tally] = []
    status = look(parts, now, {**LOOKS, "queue": lambda _parts, at: host.queue(tallies, at)})
    # The page is seen by more people than the host's terminal.
    status = [finding._replace(text=without_users(finding.text)) for finding in status]
    fresh = Outcome({ANEW: [*by_urgency(status)]}, frozenset())
    found = Memory().dated(fresh, now).all()
    last = saved()
    if last:
        found += [each._replace(found=without_users(each.found)) for each in last[1]]
    sections = [
        Section("findings", "Findings", lambda: findings.html(found, last and last[0], now)),
        Section("host", "Host", lambda: host.html(status, tallies, now)),
        Section("encryption", "Who encrypts how", lambda: encryption.html(parts, now)),
        Section("reports", "Reports from others", lambda: reports.html(now)),
    ]
    name = parts["base"]["hostname"]
    return {"style.css": STYLE, "index.html": page(name, found, sections, now)}


def main() -> int:
    # Of systemd.exec(5), RuntimeDirectory=; nginx reads it by its group.
    directory = Path(os.environ["RUNTIME_DIRECTORY"])
    for name, content in files(all_parts(), time.time()).items():
        replace(directory / name, content.encode(errors="replace"), os.getegid())
    return 0
