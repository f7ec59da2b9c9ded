# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of older versions, until the next report renews them: who only reads, reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.maturity import evidence
from pillarbox.metrics import kept
from pillarbox.reports import database, dmarc, store
from pillarbox.reports.summary import summaries

from .samples import BEGIN, NOW, dmarc_xml

OWN = frozenset(["192.0.2.25"])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a report."""
    file = tmp_path / "reports.sqlite"
    monkeypatch.setattr(kept, "REPORTS", file)
    monkeypatch.setattr(kept, "addresses", lambda: OWN)
    with store.opened(file) as opened:
        opened.add(dmarc.parse(dmarc_xml()), NOW, 90)
    return file


def page(file: Path) -> object:
    with store.opened_to_read(file) as opened:
        return summaries(opened, BEGIN, OWN)


def maturity(file: Path) -> object:
    return evidence.gathered(0, OWN, file)


def metrics(_file: Path) -> object:
    return kept.foreign_reports({}, NOW)


READERS = pytest.mark.parametrize("read", [page, maturity, metrics])


@READERS
@pytest.mark.parametrize(
    "older",
    ["ALTER TABLE report DROP COLUMN sent_by; PRAGMA user_version = 1", "PRAGMA user_version = 2"],
)
def test_it_is_read_as_the_newest_is(
    file: Path, read: Callable[[Path], object], older: str
) -> None:
    newest = read(file)
    assert newest
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(older)
    before = file.read_bytes()
    assert read(file) == newest
    assert file.read_bytes() == before


@READERS
def test_one_of_a_later_program_is_not(file: Path, read: Callable[[Path], object]) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {len(store.STEPS) + 1}")
    with pytest.raises(Failure, match="another version"):
        read(file)


def test_who_only_reads_cannot_write(file: Path) -> None:
    with pytest.raises(Failure, match="readonly"), store.reading(file) as connection:
        connection.execute("DELETE FROM report")
    with database.opened(file, store.STEPS, 1.0) as connection:
        assert connection.execute("SELECT count(*) FROM report").fetchone() == (1,)
