# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others reported about our own mail, by day and reporter.

A DMARC report mixes our mail with forgeries, whose failures are what the policy is for. Ours is
what comes from this host, and what comes from a source most of whose mail passes: a service that
we have allowed, or a forwarder that keeps our signature. A source that mostly fails is a stranger,
or a mailing list, which no policy helps.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Set
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.maturity.ladders import Tally
from pillarbox.reports.store import FILE, reading

# Of all domains: by ladder, in one list for each domain.
Evidence = dict[str, dict[str, list[Tally]]]

# The authenticated domain of the sender: empty if there is none, NULL if root has read the report.
_REPORTER, _COUNTING = "coalesce(sent_by, reporter)", "begin_time >= ? AND sent_by IS NOT ''"
_DMARC = f"""
SELECT domain, begin_time / 86400, {_REPORTER}, source, dkim, spf, spf_domain = domain, sum(count)
FROM report JOIN source ON source.report = id
WHERE {_COUNTING} GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY domain
"""
_SESSIONS = f"""
SELECT domain, begin_time / 86400, {_REPORTER}, sum(successful), sum(failed)
FROM report JOIN policy ON policy.report = id
WHERE {_COUNTING} AND type = 'sts' GROUP BY 1, 2, 3
"""
# Some reporters count a policy that cannot be fetched where no policy was found.
_POLICY_FAILURES = f"""
SELECT domain, begin_time / 86400, {_REPORTER}, 0, sum(count)
FROM report JOIN failure ON failure.report = id
WHERE {_COUNTING} AND failure.policy != 'sts' AND result LIKE 'sts-%' GROUP BY 1, 2, 3
"""


class Sent(NamedTuple):
    """Messages of a source that a reporter saw on a day.

    envelope: whether the envelope sender, which SPF is about, is in the domain itself.
    """

    domain: str
    day: int
    reporter: str
    source: str
    dkim: bool
    spf: bool
    envelope: bool
    messages: int


def gathered(since: float, own: Set[str], file: Path = FILE) -> Evidence:
    """Return what reports about the time since then say. Raises Failure.

    Args:
        own: the addresses of this host.
    """
    if not file.exists():
        return {}
    evidence: Evidence = defaultdict(lambda: defaultdict(list))
    # The daily check must not write there.
    with reading(file) as database:
        rows = (Sent(*row) for row in _rows(database, _DMARC, since))
        for domain, sent in groupby(rows, itemgetter(0)):
            evidence[domain].update(of_mail(list(sent), own))
        for query in (_SESSIONS, _POLICY_FAILURES):
            for domain, day, reporter, passed, failed in _rows(database, query, since):
                evidence[domain]["mta_sts"].append(Tally(_date(day), reporter, passed, failed))
    return evidence


def _rows(database: sqlite3.Connection, query: str, since: float) -> Iterator[Any]:
    for domain, day, reporter, *rest in database.execute(query, (since,)):
        yield domain, day, _organisation(reporter), *rest


def _organisation(reporter: str) -> str:
    """Return who reports: anybody has many names in one domain.

    Without a list of public suffixes this may take two reporters for one, but never one for two.
    """
    return ".".join(reporter.split(".")[-2:])


def of_mail(sent: Collection[Sent], own: Set[str]) -> dict[str, list[Tally]]:
    """Return the tallies of DMARC and SPF for a domain."""
    sources = own | _mostly_passing(sent)
    dmarc: Counter[tuple[int, str, bool]] = Counter()
    spf: Counter[tuple[int, str, bool]] = Counter()
    for row in sent:
        if row.source not in sources:
            continue
        dmarc[row.day, row.reporter, row.dkim or row.spf] += row.messages
        # SPF is asked for the envelope sender. Forwarders keep ours, and fail, but DKIM passes.
        if row.spf or row.envelope and (row.source in own or not row.dkim):
            spf[row.day, row.reporter, row.spf] += row.messages
    return {"dmarc": _tallies(dmarc), "spf": _tallies(spf)}


def _mostly_passing(sent: Iterable[Sent]) -> set[str]:
    passing: Counter[str] = Counter()
    for row in sent:
        # Sources that the database does not tell apart have no name.
        if row.source:
            passing[row.source] += row.messages if row.dkim or row.spf else -row.messages
    return {source for source, balance in passing.items() if balance >= 0}


def _tallies(counts: Counter[tuple[int, str, bool]]) -> list[Tally]:
    keys = dict.fromkeys((day, reporter) for day, reporter, _passes in counts)
    return [
        Tally(_date(day), reporter, counts[day, reporter, True], counts[day, reporter, False])
        for day, reporter in keys
    ]


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)
