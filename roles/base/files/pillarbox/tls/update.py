# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what is new in Postfix's log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import islice

from pillarbox import Failure
from pillarbox.status.ask import Cut, Unanswered
from pillarbox.status.finding import day
from pillarbox.tls import journal
from pillarbox.tls.lines import parse
from pillarbox.tls.store import Count, Store
from pillarbox.tls.traffic import VERIFIED, Traffic
from pillarbox.tls.verification import Verification

# The number of lines that are counted in one transaction.
BATCH = 20_000
SECONDS = 86_400


def first_day(days: int) -> str:
    """Return the first of a number of days, of which today is the last."""
    return day(time.time() - (days - 1) * SECONDS)


def new(cursor: str, days: int) -> Iterator[journal.Entry]:
    """Yield the lines after a cursor, and say if some may be missing. Raises Cut."""
    entries = journal.entries(cursor, days)
    try:
        if cursor and (first := next(entries, None)) and not journal.same(first.cursor, cursor):
            print("the journal no longer has all of the log since the last time", file=sys.stderr)
            yield first
        yield from entries
    except Cut:
        raise
    except Unanswered as error:
        raise Failure(str(error)) from error


def counts(traffic: Traffic, verification: Verification) -> Iterator[Count]:
    """Yield the messages that were counted, with how servers were verified."""
    for key, number in traffic.messages.items():
        way = key.way
        if way.quality == VERIFIED:
            way = way._replace(quality=verification.of(key.domain, key.host, key.port))
        yield Count(key.day, key.domain, key.sent, way, number)


def update(store: Store, days: int, verification: Verification) -> int:
    """Count what is new, forget what is too old, and return the number of new messages."""
    cursor, state = store.reading()
    traffic = Traffic(state)
    messages = 0
    entries = new(cursor, days)
    try:
        while batch := list(islice(entries, BATCH)):
            for entry in batch:
                if event := parse(entry.daemon, entry.pid, entry.text):
                    traffic.add(event, entry.at, day(entry.at))
            # DNS is asked before the database is locked.
            found = list(counts(traffic, verification))
            last = batch[-1]
            store.add(found, traffic.idle, last.cursor, traffic.state(last.at))
            messages += traffic.messages.total()
            traffic.messages.clear()
            traffic.idle.clear()
    except Cut:
        print("the log is long; the next time goes on with it", file=sys.stderr)
    store.forget(first_day(days))
    return messages
