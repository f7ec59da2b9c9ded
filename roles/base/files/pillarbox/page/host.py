# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host itself shows: its daemons, queue, storage, and the lives of its keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pillarbox.check.local import by_urgency
from pillarbox.check.page import in_order
from pillarbox.page.frame import table
from pillarbox.status import mail_queue
from pillarbox.status.finding import Finding, span, without_users
from pillarbox.status.mail_queue import Tally
from pillarbox.status.screen import place

# The lines of a table about the queue.
MOST = 10
# Of bounces, by postqueue(1).
NOBODY = "MAILER-DAEMON"


def queue(tallies: list[Tally], now: float) -> list[Finding]:
    """Check the queues as "pillarbox status" does, and keep what was counted."""
    tallies.append(mail_queue.read())
    return mail_queue.report(tallies[0], now)


def html(status: list[Finding], tallies: list[Tally], now: float) -> Iterator[str]:
    """Yield all findings of "pillarbox status", and what is in the queue."""
    yield from in_order(by_urgency(sorted(status, key=place)))
    for tally in tallies:
        if tally.queues:
            yield "<h3>Queue</h3>"
            yield from _queue(tally, now)


def _queue(tally: Tally, now: float) -> Iterator[str]:
    least = "at least " if tally.cut else ""
    rows = [
        (name, f"{least}{number:,}", span(now - tally.oldest[name]))
        for name, number in tally.queues.most_common()
    ]
    yield from table(("Queue", "Messages", "Oldest for"), rows)
    domains = Counter(
        {"none (bounces)" if name == NOBODY else name: n for name, n in tally.domains.items()}
    )
    yield from table(("Domain of the sender", "Messages"), _most(domains))
    reasons: Counter[str] = Counter()
    for kind, number in tally.reasons.items():
        reasons[without_users(tally.samples[kind])] += number
    if reasons:
        yield from table(("Reason of the delay", "Messages"), _most(reasons))


def _most(numbers: Counter[str]) -> Iterator[tuple[str, str]]:
    shown = numbers.most_common(MOST)
    yield from ((what, f"{number:,}") for what, number in shown)
    if more := len(numbers) - len(shown):
        rest = numbers.total() - sum(number for _what, number in shown)
        yield f"{more:,} more", f"{rest:,}"
