# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    Attributes,
    Transaction,
    TransactionError,
    recover,
)

PLAIN = Attributes(-1, -1, 0o644)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A full disk, as far as write(2) is concerned: EFBIG instead of ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "host"
    place.mkdir()
    (place / "a").write_text("old a")
    (place / "b").write_text("old b")
    return place


def contents(place: Path) -> dict[str, str]:
    return {path.name: path.read_text() if path.is_file() else "/" for path in place.iterdir()}


def test_does_everything_and_leaves_nothing_else(tmp_path: Path, place: Path) -> None:
    transaction = Transaction(str(tmp_path / "journal"))
    transaction.mkdir(str(place / "d"), Attributes(-1, -1, 0o750))
    transaction.put(str(place / "d/new"), b"new", PLAIN, None)
    transaction.put(str(place / "a"), b"new a", Attributes(65534, 0, 0o600), PLAIN)
    transaction.remove(str(place / "b"), PLAIN)
    transaction.commit()
    assert contents(place) == {"a": "new a", "d": "/"}
    assert contents(place / "d") == {"new": "new"}
    status = (place / "a").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (65534, 0, 0o600)
    assert (place / "d").stat().st_mode & 0o7777 == 0o750
    assert list(tmp_path.iterdir()) == [place]


def test_removes_emptied_directories_from_the_inside(tmp_path: Path, place: Path) -> None:
    (place / "d/e").mkdir(parents=True)
    (place / "d/e/f").touch()
    transaction = Transaction(str(tmp_path / "journal"))
    transaction.remove(str(place / "d/e/f"), PLAIN)
    transaction.rmdir(str(place / "d/e"))
    transaction.rmdir(str(place / "d"))
    transaction.commit()
    assert not (place / "d").exists()


def test_a_full_disk_changes_nothing(tmp_path: Path, place: Path) -> None:
    inode = (place / "a").stat().st_ino
    transaction = Transaction(str(tmp_path / "journal"))
    transaction.mkdir(str(place / "d"), PLAIN)
    transaction.put(str(place / "a"), b"new a", PLAIN, PLAIN)
    transaction.put(str(place / "d/big"), b"x" * 100_000, PLAIN, None)
    with file_size_limit(50_000), pytest.raises(TransactionError, match="d/big: File too large"):
        transaction.commit()
    assert contents(place) == {"a": "old a", "b": "old b"}
    assert (place / "a").stat().st_ino == inode
    assert list(tmp_path.iterdir()) == [place]


def test_a_failed_rollback_is_reported_and_tried_again(tmp_path: Path, place: Path) -> None:
    journal = tmp_path / "journal"
    (place / ".x.old").write_text("old a")
    (place / "a").unlink()
    (place / "a").mkdir()
    step = ["put", str(place / "a"), str(place / ".x"), PLAIN, PLAIN]
    journal.write_text(json.dumps([step]))
    with pytest.raises(OSError, match="a directory"):
        recover(str(journal))
    (place / "a").rmdir()
    recover(str(journal))
    assert contents(place) == {"a": "old a", "b": "old b"}
    assert not journal.exists()


def test_a_step_that_was_never_reached_is_not_undone(tmp_path: Path, place: Path) -> None:
    """The new contents still wait beside the target: what is there is somebody else's."""
    journal = tmp_path / "journal"
    (place / ".x.new").touch()
    os.link(place / "b", place / ".y.old")
    steps = [
        ["put", str(place / "a"), str(place / ".x"), PLAIN, None],
        ["put", str(place / "b"), str(place / ".y"), PLAIN, PLAIN],
    ]
    journal.write_text(json.dumps(steps))
    recover(str(journal))
    assert contents(place) == {"a": "old a", "b": "old b"}
