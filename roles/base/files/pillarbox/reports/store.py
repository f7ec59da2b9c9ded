# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of reports. Each is stored once, in one transaction, or not at all."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pillarbox.reports import database, dmarc, tlsrpt
from pillarbox.reports.foreign import Refused

# The directory belongs to the user of pillarbox-reports@.service.
FILE = Path("/var/lib/pillarbox-reports/reports.sqlite")
# Days that reports are kept.
KEEP_DAYS = 90
DAY = 86400
# What is kept of one report, and of all about a domain and day; the rest is counted, without
# telling its sources apart. So forged reports cannot fill the disk: a row takes 150 bytes.
MOST_ROWS = 1000
MOST_ROWS_A_DAY = 2000
MOST_REPORTS_A_DAY = 500
# Seconds to wait while another process writes.
WAIT = 20.0

TABLES = """
CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    reporter TEXT NOT NULL,
    report_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    begin_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    contact TEXT NOT NULL,
    policy TEXT NOT NULL,
    UNIQUE (domain, kind, reporter, report_id)
);
CREATE INDEX IF NOT EXISTS report_time ON report (domain, kind, begin_time);
CREATE TABLE IF NOT EXISTS source (
    report INTEGER NOT NULL REFERENCES report ON DELETE CASCADE,
    source TEXT NOT NULL,
    header_from TEXT NOT NULL,
    dkim_domain TEXT NOT NULL,
    dkim_selector TEXT NOT NULL,
    spf_domain TEXT NOT NULL,
    disposition TEXT NOT NULL,
    dkim INTEGER NOT NULL,
    spf INTEGER NOT NULL,
    count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS source_report ON source (report);
CREATE TABLE IF NOT EXISTS policy (
    report INTEGER NOT NULL REFERENCES report ON DELETE CASCADE,
    type TEXT NOT NULL,
    mode TEXT NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS policy_report ON policy (report);
CREATE TABLE IF NOT EXISTS failure (
    report INTEGER NOT NULL REFERENCES report ON DELETE CASCADE,
    policy TEXT NOT NULL,
    result TEXT NOT NULL,
    mx TEXT NOT NULL,
    sender TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS failure_report ON failure (report);
"""
# The domain that has sent a report; empty if that is not proven, and none if root has read it.
WITH_SENDER = """
ALTER TABLE report ADD COLUMN sent_by TEXT;
"""
# Mail::DMARC numbers the reports in each of its databases from 1, so that identifiers come again.
WITH_BEGIN = """
CREATE TABLE renewed (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    reporter TEXT NOT NULL,
    report_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    begin_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    contact TEXT NOT NULL,
    policy TEXT NOT NULL,
    sent_by TEXT,
    UNIQUE (domain, kind, reporter, report_id, begin_time)
);
INSERT INTO renewed SELECT * FROM report;
DROP TABLE report;
ALTER TABLE renewed RENAME TO report;
CREATE INDEX report_time ON report (domain, kind, begin_time);
"""
STEPS = (TABLES, WITH_SENDER, WITH_BEGIN)


class Kept(NamedTuple):
    """A stored report, without what it counts."""

    kind: str
    reporter: str
    domain: str
    end: int
    policy: str
    sender: str | None

    def counts(self) -> bool:
        """Whether what it says is counted: anybody can send a report in any name."""
        return self.sender != ""


class Store:
    """An open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run = connection.execute
        self._run_many = connection.executemany

    def add(
        self,
        report: dmarc.Report | tlsrpt.Report,
        now: float,
        keep_days: int,
        sender: str | None = None,
    ) -> bool:
        """Store a report, unless it is there, and remove those that are too old.

        Args:
            sender: the domain that has sent it; empty if that is not proven.

        Raises:
            Refused: it is not about these days, or there are too many about its domain and day.
        """
        oldest = now - keep_days * DAY
        # Clocks differ, and some reporters send before the day ends.
        if not oldest <= report.end <= now + 2 * DAY:
            raise Refused(f"it is about a time to come, or more than {keep_days} days ago")
        if not report.end - 32 * DAY <= report.begin <= report.end:
            raise Refused("it is about more than a month, or ends before it begins")
        kind = "DMARC" if isinstance(report, dmarc.Report) else "TLS"
        with database.transaction(self._connection):
            self._run("DELETE FROM report WHERE end_time < ?", (oldest,))
            key = (kind, report.domain, report.reporter, report.report_id, report.begin)
            names = ("kind", "domain", "reporter", "report_id", "begin_time")
            where = " AND ".join(f"{name} = ?" for name in names)
            # One that is not proven does not keep the true one out.
            proven = "" if sender == "" else "AND sent_by IS NOT ''"
            if self._number(f"FROM report WHERE {where} {proven}", *key):
                return False
            self._run(f"DELETE FROM report WHERE {where}", key)
            self._insert(report, kind, self._room(report, kind), sender)
        return True

    def _room(self, report: dmarc.Report | tlsrpt.Report, kind: str) -> int:
        """Return how many rows of a report may be stored."""
        first = report.begin - report.begin % DAY
        day = (kind, report.domain, first, first + DAY)
        where = "WHERE kind = ? AND domain = ? AND begin_time >= ? AND begin_time < ?"
        if self._number(f"FROM report {where}", *day) >= MOST_REPORTS_A_DAY:
            raise Refused(f"there are {MOST_REPORTS_A_DAY} about that domain and day already")
        table = "source" if kind == "DMARC" else "failure"
        there = self._number(f"FROM {table} JOIN report ON report = id {where}", *day)
        return min(MOST_ROWS, max(0, MOST_ROWS_A_DAY - there))

    def _number(self, query: str, *values: object) -> int:
        number: int = self._run(f"SELECT count(*) {query}", values).fetchone()[0]
        return number

    def _insert(
        self, report: dmarc.Report | tlsrpt.Report, kind: str, most: int, sender: str | None
    ) -> None:
        common = (kind, *report[:6])
        into = "INSERT INTO report VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        if isinstance(report, dmarc.Report):
            number = self._run(into, (*common, report.policy, sender)).lastrowid
            self._run_many(
                "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(number, *row, count) for row, count in dmarc.folded(report.rows, most).items()],
            )
            return
        number = self._run(into, (*common, "", sender)).lastrowid
        self._run_many(
            "INSERT INTO policy VALUES (?, ?, ?, ?, ?)",
            [(number, *policy, *sessions) for policy, sessions in report.policies.items()],
        )
        failures = tlsrpt.folded(report.failures, most)
        self._run_many(
            "INSERT INTO failure VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(number, *failure, count) for failure, count in failures.items()],
        )

    def reports(self, since: float) -> list[Kept]:
        """Return the reports about the time since then, the latest first."""
        query = f"SELECT {', '.join(_KEPT)} FROM report WHERE end_time >= ? ORDER BY end_time DESC"
        return [Kept(*row) for row in self._run(query, (since,))]

    def messages(self, about: str, since: float) -> Counter[tuple[bool, bool]]:
        """Return the number of messages by whether DKIM and SPF pass, aligned."""
        query = f"SELECT dkim, spf, sum(count) FROM source {_ABOUT} GROUP BY dkim, spf"
        rows = self._run(query, (about, since))
        return Counter({(bool(dkim), bool(spf)): count for dkim, spf, count in rows})

    def sources(self, about: str, since: float) -> list[tuple[dmarc.Row, int]]:
        """Return the most frequent rows, with their sums."""
        fields = ", ".join(dmarc.Row._fields)
        query = f"SELECT {fields}, sum(count) FROM source {_ABOUT} GROUP BY {fields} {_MOST}"
        rows = self._run(query, (about, since))
        return [
            (dmarc.Row._make([*texts, bool(dkim), bool(spf)]), count)
            for *texts, dkim, spf, count in rows
        ]

    def policies(self, about: str, since: float) -> dict[tlsrpt.Policy, tlsrpt.Sessions]:
        """Return the number of TLS sessions by policy."""
        query = f"SELECT type, mode, sum(successful), sum(failed) FROM policy {_ABOUT}"
        rows = self._run(f"{query} GROUP BY type, mode", (about, since))
        return {tlsrpt.Policy(*row[:2]): tlsrpt.Sessions(*row[2:]) for row in rows}

    def failures(self, about: str, since: float) -> list[tuple[tlsrpt.Failure, int]]:
        """Return the most frequent failures of TLS sessions, with their sums."""
        fields = ", ".join(f"failure.{field}" for field in tlsrpt.Failure._fields)
        query = f"SELECT {fields}, sum(count) FROM failure {_ABOUT} GROUP BY {fields} {_MOST}"
        rows = self._run(query, (about, since))
        return [(tlsrpt.Failure(*row[:-1]), row[-1]) for row in rows]


_KEPT = ("kind", "reporter", "domain", "end_time", "policy", "sent_by")
# As Kept.counts() has it.
_ABOUT = "JOIN report ON report = id WHERE domain = ? AND end_time >= ? AND sent_by IS NOT ''"
# More than anybody reads; the numbers of messages and sessions are those of all.
_MOST = "ORDER BY sum(count) DESC LIMIT 10000"
# By its version, what readers see in place of a table until the next report renews the database.
_VIEWS = {1: "CREATE TEMP VIEW report AS SELECT *, NULL AS sent_by FROM main.report"}


@contextmanager
def opened(file: Path = FILE, wait: float = WAIT) -> Iterator[Store]:
    """Open the database, or create it. Raises Failure if it cannot be read or written."""
    with database.opened(file, STEPS, wait) as connection:
        yield Store(connection)


@contextmanager
def reading(file: Path = FILE, wait: float = WAIT) -> Iterator[sqlite3.Connection]:
    """Open the database without a right to write. Raises Failure if that cannot be done."""
    with database.opened_to_read(file, STEPS, _VIEWS, wait) as connection:
        yield connection


@contextmanager
def opened_to_read(file: Path = FILE, wait: float = WAIT) -> Iterator[Store]:
    """Open the database, to look only. Raises Failure if that cannot be done."""
    with reading(file, wait) as connection:
        yield Store(connection)
