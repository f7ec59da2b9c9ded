# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a database that belongs to a service with a user of its own, and that root reads too."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pillarbox import Failure


@contextmanager
def opened(file: Path, steps: Sequence[str], wait: float) -> Iterator[sqlite3.Connection]:
    """Open a database, or create it. Raises Failure if it cannot be read or written.

    Args:
        steps: the statements that make each version of it the next one, from an empty database on;
            each ends with a line.
        wait: seconds to wait while another process writes.
    """
    try:
        _make(file)
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    # Opened, never created, wherever its name leads by now.
    with _connected(file, "rw", wait) as database:
        if _version(database) != len(steps):
            # Foreign keys are off, so that a step may replace a table.
            with transaction(database):
                # Whoever comes second finds it done.
                _renew(database, file, steps)
        database.execute("PRAGMA foreign_keys = ON")
        yield database


@contextmanager
def opened_to_read(
    file: Path, steps: Sequence[str], views: Mapping[int, str], wait: float
) -> Iterator[sqlite3.Connection]:
    """Open a database without a right to write. Raises Failure if that cannot be done.

    Args:
        views: by older version, a temporary view that has what the newest has in a table.
    """
    with _connected(file, "ro", wait) as database:
        version = _version(database)
        if not 1 <= version <= len(steps):
            raise Failure(f"{file} is of another version of this program")
        if version in views:
            # Not on a disk that may be full, or not be writable.
            database.execute("PRAGMA temp_store = MEMORY")
            database.execute(views[version])
        yield database


@contextmanager
def _connected(file: Path, mode: str, wait: float) -> Iterator[sqlite3.Connection]:
    name = f"{file.absolute().as_uri()}?mode={mode}"
    try:
        with closing(
            sqlite3.connect(name, timeout=wait, isolation_level=None, uri=True)
        ) as database:
            yield database
    except sqlite3.Error as error:
        raise Failure(f"{file}: {error}") from error


def _version(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version


def _renew(database: sqlite3.Connection, file: Path, steps: Sequence[str]) -> None:
    found = _version(database)
    if found > len(steps):
        raise Failure(f"{file} is of another version of this program")
    for step in steps[found:]:
        # executescript() would commit.
        for statement in step.split(";\n"):
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {len(steps)}")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Do all or nothing, even if the process is killed."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite itself does so when the disk is full.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _make(file: Path) -> None:
    """Create the database, if it is not there, for the owner of its directory. Raises OSError.

    Root may come before the first mail, and later must not be misled by a link, as the directory
    belongs to a process that reads mail of strangers.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    # systemd gives it to that process (systemd.exec(5), StateDirectory=).
    with suppress(FileExistsError):
        file.parent.mkdir(0o700)
    try:
        # SQLite gives its journal the same owner and mode.
        created = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        os.close(os.open(file, flags))
        return
    try:
        directory = file.parent.stat()
        if os.geteuid() == 0:
            os.fchown(created, directory.st_uid, directory.st_gid)
    finally:
        os.close(created)
