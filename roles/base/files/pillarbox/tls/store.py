# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of daily counts: /var/lib/pillarbox/tls.sqlite.

It has domains, and never an address or the name of a client.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pillarbox.tls.traffic import Way

SCHEMA = """
CREATE TABLE ways (
    id INTEGER PRIMARY KEY,
    quality TEXT NOT NULL,
    version TEXT NOT NULL,
    cipher TEXT NOT NULL,
    exchange TEXT NOT NULL,
    signature TEXT NOT NULL,
    UNIQUE (quality, version, cipher, exchange, signature)
);
CREATE TABLE messages (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    sent INTEGER NOT NULL,
    way INTEGER NOT NULL REFERENCES ways (id),
    number INTEGER NOT NULL,
    PRIMARY KEY (day, domain, sent, way)
) WITHOUT ROWID;
CREATE TABLE idle (
    day TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
) WITHOUT ROWID;
CREATE TABLE reading (cursor TEXT NOT NULL, state TEXT NOT NULL);
INSERT INTO reading VALUES ('', '');
PRAGMA user_version = 1;
"""
# Seconds to wait for another process.
PATIENCE = 60
# Domains that are told apart on a day; spammers can invent any number of them.
MOST = 5000
OTHERS = "others"


class Count(NamedTuple):
    """The number of messages of a partner and day, in one direction and one way."""

    day: str
    domain: str
    sent: bool
    way: Way
    number: int


class Store:
    """The database, which is created if it does not exist, or only read."""

    def __init__(self, file: Path, read_only: bool = False) -> None:
        if not read_only:
            # SQLite would let others read it.
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        name = f"{file.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        self.database = sqlite3.connect(name, timeout=PATIENCE, isolation_level=None, uri=True)
        if read_only:
            return
        with self.transaction():
            if self.database.execute("PRAGMA user_version").fetchone() == (0,):
                # executescript() would commit.
                for statement in SCHEMA.split(";\n"):
                    self.database.execute(statement)

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing, even if the process is killed."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def reading(self) -> tuple[str, str]:
        """Return up to where the journal was read, and the state of the traffic there."""
        cursor, state = self.database.execute("SELECT cursor, state FROM reading").fetchone()
        return cursor, state

    def add(
        self,
        counts: Iterable[Count],
        idle: Mapping[tuple[str, str], int],
        cursor: str,
        state: str,
    ) -> None:
        """Add what was read up to a cursor."""
        with self.transaction():
            known: defaultdict[str, set[str]] = defaultdict(set)
            for count in counts:
                if count.day not in known:
                    known[count.day] = self.domains(count.day)
                domain = count.domain
                if domain not in known[count.day]:
                    if len(known[count.day]) >= MOST:
                        domain = OTHERS
                    known[count.day].add(domain)
                self.database.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET number = number + excluded.number",
                    (count.day, domain, count.sent, self.way(count.way), count.number),
                )
            self.database.executemany(
                "INSERT INTO idle VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET number = number + excluded.number",
                [(*key, number) for key, number in idle.items()],
            )
            self.database.execute("UPDATE reading SET cursor = ?, state = ?", (cursor, state))

    def domains(self, day: str) -> set[str]:
        """Return the partners of a day."""
        found = self.database.execute("SELECT DISTINCT domain FROM messages WHERE day = ?", (day,))
        return {domain for (domain,) in found}

    def way(self, way: Way) -> int:
        """Return the row of a way, which is added if it is new."""
        self.database.execute(
            "INSERT INTO ways (quality, version, cipher, exchange, signature)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            way,
        )
        (row,) = self.database.execute(
            "SELECT id FROM ways WHERE (quality, version, cipher, exchange, signature)"
            " = (?, ?, ?, ?, ?)",
            way,
        ).fetchone()
        return int(row)

    def forget(self, before: str) -> None:
        """Delete the days before one."""
        with self.transaction():
            self.database.execute("DELETE FROM messages WHERE day < ?", (before,))
            self.database.execute("DELETE FROM idle WHERE day < ?", (before,))

    def counts(self, since: str) -> Iterator[Count]:
        """Yield the counts of messages from a day on."""
        found = self.database.execute(
            "SELECT day, domain, sent, quality, version, cipher, exchange, signature, number"
            " FROM messages JOIN ways ON ways.id = way WHERE day >= ? ORDER BY day, domain",
            (since,),
        )
        for day, domain, sent, *way, number in found:
            yield Count(day, domain, bool(sent), Way(*way), number)

    def idle(self, since: str) -> dict[str, int]:
        """Return the number of connections without a message of each kind, from a day on."""
        return dict(
            self.database.execute(
                "SELECT kind, SUM(number) FROM idle WHERE day >= ? GROUP BY kind", (since,)
            ).fetchall()
        )

    def first(self) -> str:
        """Return the first day with a count, empty if there is none."""
        (day,) = self.database.execute(
            "SELECT MIN(day) FROM (SELECT day FROM messages UNION ALL SELECT day FROM idle)"
        ).fetchone()
        return day or ""
