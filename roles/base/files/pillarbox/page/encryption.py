# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who encrypts how: the table and the chart of "pillarbox tls"."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pillarbox.page.frame import table, text, wide
from pillarbox.status.finding import counted, day
from pillarbox.status.parts import Parts
from pillarbox.tls import chart, report
from pillarbox.tls.command import DATABASE, DAYS
from pillarbox.tls.store import Store
from pillarbox.tls.update import first_day

TITLE = "Messages of each day, by protection; the table below has their numbers by partner."


def html(parts: Parts, now: float, database: Path = DATABASE) -> Iterator[str]:
    """Yield the counts of the last days, without what is new in the log: a timer adds that."""
    kept = parts["postfix"]["tls_days"]
    if not kept or not database.exists():
        yield "<p>Nothing was counted yet.</p>" if kept else "<p>postfix_tls_days is 0.</p>"
        return
    since, until = first_day(min(DAYS, kept)), day(now)
    with closing(Store(database, read_only=True)) as store:
        counts = [*store.counts(since)]
        found = report.summary(counts, store.idle(since), since, until)
    yield f"<p>{text(report.heading(found))} {text(report.idle(found))}</p>"
    if not found.partners:
        return
    # A file of its own could be of another run than the page.
    picture = b64encode(chart.svg(counts, since, until).encode()).decode()
    yield from wide(
        "Chart", [f'<img src="data:image/svg+xml;base64,{picture}" alt="{text(TITLE)}">']
    )
    shown = report.rows(found, report.FEW)
    columns = [name or "direction" for name in shown[0]]
    yield from wide("Partners", table(columns, _named(shown[1:]), numbers=[2]))
    if left := report.others(found, shown):
        yield f"<p>{text(left)}; pillarbox tls --all shows them</p>"
    if clear := found.clear():
        some = ", ".join([*clear][: report.FEW])
        yield f"<p>{counted(len(clear), 'partner')} in clear text: {text(some)}</p>"
    else:
        yield "<p>No message in clear text.</p>"


def _named(rows: list[list[str]]) -> Iterator[list[str]]:
    """Yield rows with the partner in each, as a row is read by itself."""
    name = ""
    for first, *others in rows:
        name = first or name
        yield [name, *others]
