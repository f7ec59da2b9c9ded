# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of TLS sessions by day, and of the reports about them.

It has domains and their servers, and never an address or the name of a user. When a day has ended,
its counts become a report in the same transaction, so that none is reported twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.reports import database
from pillarbox.reports.sending.sessions import Session, canonical

# The directory belongs to the user of pillarbox-tlsrpt.service.
FILE = Path("/var/lib/pillarbox-tlsrpt/tlsrpt.sqlite")
DAY = 86400
# Days for which a report is tried, and for which is kept what became of it.
TRY_DAYS, KEEP_DAYS = 3, 90
# Of a day: domains, and of each the policies and the kinds of failures that are told apart.
MOST_DOMAINS, MOST_POLICIES, MOST_FAILURES = 5000, 20, 100
WAIT = 20.0
DUE, SENDING, SENT, GIVEN_UP = "due", "sending", "sent", "given up"

TABLES = """
CREATE TABLE IF NOT EXISTS session (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure (
    day INTEGER NOT NULL,
    domain TEXT NOT NULL,
    policy TEXT NOT NULL,
    details TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, details)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS report (
    domain TEXT NOT NULL,
    begin_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    policies TEXT NOT NULL,
    state TEXT NOT NULL,
    remark TEXT NOT NULL,
    PRIMARY KEY (domain, begin_time)
) WITHOUT ROWID;
"""


class Report(NamedTuple):
    """The sessions of a time with the servers of a domain.

    Attributes:
        policies: the array "policies" of RFC 8460, as JSON; empty once the report was sent.
        remark: where it was sent, or why not.
    """

    domain: str
    begin: int
    end: int
    successful: int
    failed: int
    policies: str
    state: str = DUE
    remark: str = ""


class Outbox:
    """An open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run = connection.execute

    def add(self, sessions: Iterable[Session], now: float) -> None:
        """Count sessions that have just ended."""
        day = int(now // DAY * DAY)
        with database.transaction(self._connection):
            for session in sessions:
                self._add(day, session)

    def _add(self, day: int, session: Session) -> None:
        there = "WHERE day = ? AND domain = ?"
        key = (day, session.domain)
        policy = session.policy
        if not self._number(f"count(*) FROM session {there}", *key):
            domains = self._number("count(DISTINCT domain) FROM session WHERE day = ?", day)
            if domains >= MOST_DOMAINS:
                return
        # Beyond a limit, what is there goes on to be counted, and what is new by its type only.
        new = f"count(*) >= ? AND NOT max(policy = ?) FROM session {there}"
        if self._number(new, MOST_POLICIES, policy, *key):
            # Its domain may be the name of a server, which others choose.
            kind = json.loads(policy)["policy-type"]
            policy = canonical({"policy-type": kind, "policy-domain": session.domain})
        self._run(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " successful = successful + excluded.successful, failed = failed + excluded.failed",
            (*key, policy, not session.failed, session.failed),
        )
        for details in session.failures:
            new = f"count(*) >= ? AND NOT max(policy = ? AND details = ?) FROM failure {there}"
            if self._number(new, MOST_FAILURES, policy, details, *key):
                details = canonical({"result-type": json.loads(details)["result-type"]})
            self._run(
                "INSERT INTO failure VALUES (?, ?, ?, ?, 1)"
                " ON CONFLICT DO UPDATE SET count = count + 1",
                (*key, policy, details),
            )

    def _number(self, query: str, *values: object) -> int:
        number: int = self._run(f"SELECT {query}", values).fetchone()[0]
        return number

    def close_days(self, now: float, own: Collection[str], early: bool = False) -> None:
        """Make the sessions of past days due for a report, and forget what is too old.

        Args:
            own: domains that get no reports.
            early: also those of today, until now.
        """
        end = int(now) if early else int(now // DAY * DAY)
        with database.transaction(self._connection):
            days = self._run("SELECT DISTINCT day, domain FROM session WHERE day < ?", (end,))
            for day, domain in days.fetchall():
                if domain not in own:
                    self._close(day, domain, min(day + DAY, end))
            self._run("DELETE FROM session WHERE day < ?", (end,))
            self._run("DELETE FROM failure WHERE day < ?", (end,))
            self._run("DELETE FROM report WHERE end_time < ?", (end - KEEP_DAYS * DAY,))
            self._run(
                "UPDATE report SET state = ?, policies = '' WHERE state = ? AND end_time < ?",
                (GIVEN_UP, DUE, end - TRY_DAYS * DAY),
            )

    def _close(self, day: int, domain: str, end: int) -> None:
        key = (day, domain)
        failures: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for policy, details, count in self._run(
            "SELECT policy, details, count FROM failure WHERE day = ? AND domain = ?", key
        ):
            failures[policy].append(json.loads(details) | {"failed-session-count": count})
        rows = self._run(
            "SELECT policy, successful, failed FROM session WHERE day = ? AND domain = ?", key
        ).fetchall()
        policies = [
            {
                "policy": json.loads(policy),
                "summary": {
                    "total-successful-session-count": successful,
                    "total-failure-session-count": failed,
                },
            }
            | ({"failure-details": failures[policy]} if policy in failures else {})
            for policy, successful, failed in rows
        ]
        # A report "now" is about a part of the day, and the next one about the rest.
        last = self._number(
            "coalesce(max(end_time), 0) FROM report WHERE domain = ? AND begin_time >= ?",
            domain,
            day,
        )
        begin = max(day, last)
        successful, failed = (sum(row[place] for row in rows) for place in (1, 2))
        end = max(begin + 1, end)
        report = Report(domain, begin, end, successful, failed, json.dumps(policies))
        self._run("INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?)", report)

    def reports(self) -> list[Report]:
        """Return all reports, the latest first."""
        query = "SELECT * FROM report ORDER BY end_time DESC, domain"
        return [Report(*row) for row in self._run(query)]

    def due(self) -> list[Report]:
        """Return the reports that are due. Those first that are given up first."""
        query = "SELECT * FROM report WHERE state = ? ORDER BY end_time, domain"
        return [Report(*row) for row in self._run(query, (DUE,))]

    def claim(self, report: Report) -> bool:
        """Whether this process may send a report. If it is killed then, nobody sends it again."""
        return self._move(report, DUE, SENDING, "interrupted")

    def postpone(self, report: Report, why: str) -> None:
        """Note why a report could not be sent; it stays due."""
        self._move(report, SENDING, DUE, why)

    def conclude(self, report: Report, state: str, remark: str) -> None:
        """Note what became of a report."""
        self._move(report, SENDING, state, remark)
        key = (report.domain, report.begin)
        self._run("UPDATE report SET policies = '' WHERE domain = ? AND begin_time = ?", key)

    def _move(self, report: Report, before: str, after: str, remark: str) -> bool:
        done = self._run(
            "UPDATE report SET state = ?, remark = ?"
            " WHERE domain = ? AND begin_time = ? AND state = ?",
            (after, remark, report.domain, report.begin, before),
        )
        return done.rowcount == 1


@contextmanager
def opened(file: Path = FILE) -> Iterator[Outbox]:
    """Open the database, or create it. Raises Failure if it cannot be read or written."""
    with database.opened(file, [TABLES], WAIT) as connection:
        yield Outbox(connection)
