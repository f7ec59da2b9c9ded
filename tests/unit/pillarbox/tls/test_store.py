# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the database keeps, for how long, and for whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.tls import store as module
from pillarbox.tls.store import Count, Store
from pillarbox.tls.traffic import Way

DANE = Way("dane", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "")
CLEAR = Way("clear")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tls.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    opened = Store(file)
    yield opened
    opened.close()


def count(domain: str, day: str = "2026-11-27", way: Way = DANE, number: int = 1) -> Count:
    return Count(day, domain, True, way, number)


def test_only_root_can_read_it(store: Store, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_counts_of_a_day_add_up(store: Store) -> None:
    store.add([count("a.example", number=2)], {("2026-11-27", "silent"): 3}, "c1", "s1")
    store.add(
        [count("a.example"), count("a.example", way=CLEAR)],
        {("2026-11-27", "silent"): 1},
        "c2",
        "s2",
    )
    assert set(store.counts("2026-11-27")) == {
        count("a.example", number=3),
        count("a.example", way=CLEAR),
    }
    assert store.idle("2026-11-27") == {"silent": 4}


def test_the_counts_and_the_end_of_the_reading_outlast_the_process(
    store: Store, file: Path
) -> None:
    store.add([count("a.example")], {}, "cursor", "state")
    store.close()
    again = Store(file)
    assert again.reading() == ("cursor", "state")
    assert list(again.counts("2026-11-27")) == [count("a.example")]
    again.close()


def test_a_failure_leaves_neither_counts_nor_a_new_cursor(store: Store) -> None:
    store.add([count("a.example")], {}, "c1", "s1")

    def counts() -> Iterator[Count]:
        yield count("b.example")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.add(counts(), {}, "c2", "s2")
    assert store.reading() == ("c1", "s1")
    assert list(store.counts("")) == [count("a.example")]


def test_days_before_a_day_are_forgotten(store: Store) -> None:
    days = ["2026-08-29", "2026-08-30", "2026-11-27"]
    store.add(
        [count("a.example", day) for day in days], {(day, "silent"): 1 for day in days}, "", ""
    )
    store.forget("2026-08-30")
    assert [found.day for found in store.counts("")] == days[1:]
    assert store.idle("") == {"silent": 2}


def test_there_are_so_many_domains_a_day_and_no_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    store.add([count(f"{n}.example") for n in range(2)], {}, "", "")
    store.add([count(f"{n}.example") for n in range(6)], {}, "", "")
    store.add([count("0.example", "2026-11-28")], {}, "", "")
    assert [(found.day[-2:], found.domain, found.number) for found in store.counts("")] == [
        ("27", "0.example", 2),
        ("27", "1.example", 2),
        ("27", "2.example", 1),
        ("27", "others", 3),
        ("28", "0.example", 1),
    ]


def test_a_file_that_is_no_database_is_an_error(file: Path) -> None:
    file.write_text("not a database, but a text that is as long as the header of one " * 10)
    with pytest.raises(sqlite3.DatabaseError):
        Store(file)
