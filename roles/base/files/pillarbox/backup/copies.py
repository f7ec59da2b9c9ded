# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of what cannot be copied while it is in use, and what a restore must know."""

from __future__ import annotations

import grp
import json
import os
import platform
import pwd
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pillarbox import Failure
from pillarbox.backup.contents import Item, existing
from pillarbox.backup.state import DIRECTORY
from pillarbox.commands import CommandError, run

# The copies, which are part of the backup. A database is below DATABASES with its whole path.
PLACE = DIRECTORY / "host"
ABOUT = PLACE / "about.json"
DATABASES = PLACE / "databases"
# The format of a backup. A later one may be unreadable for this program.
FORMAT = 1
SQLITE = b"SQLite format 3\0"
# Files beside a database in use (https://www.sqlite.org/tempfiles.html).
BESIDE = ("-journal", "-shm", "-wal")
# Seconds to wait for a database that is written, and for the filter's to be saved.
PATIENCE = 60.0


def about(items: Iterable[Item]) -> dict[str, Any]:
    """Return what a restore must know: the format, the release, and whose numbers are whose.

    The packages of another release create their users in another order.
    """
    return {
        "format": FORMAT,
        "release": platform.freedesktop_os_release().get("VERSION_ID", ""),
        "paths": [path for item in items for path in existing(item.paths)],
        "bare": [path for item in items if item.bare for path in item.paths],
        "users": [list(user) for user in pwd.getpwall()],
        "groups": [[group.gr_name, group.gr_gid] for group in grp.getgrall()],
    }


def databases(items: Iterable[Item]) -> Iterator[str]:
    """Yield SQLite's databases."""
    for item in items:
        # What a link leads to is in the list, too.
        tops = [top for top in existing(item.paths) if not os.path.islink(top)]
        for top in tops if item.databases else ():
            for directory, _directories, names in os.walk(top):
                for name in names:
                    path = os.path.join(directory, name)
                    if not os.path.islink(path) and _is_database(path):
                        yield path


def _is_database(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except FileNotFoundError:
        return False


def prepare(items: list[Item], redis: list[str]) -> list[str]:
    """Make the copies, and return what they replace. Raises Failure.

    Args:
        redis: the command that reaches the database of the spam filter; empty if there is none.
    """
    remove()
    PLACE.mkdir(mode=0o700)
    ABOUT.write_text(json.dumps(about(items)), encoding="utf-8")
    replaced = []
    for path in databases(items):
        copy(path, f"{DATABASES}{path}")
        replaced += [path, *(f"{path}{suffix}" for suffix in BESIDE)]
    if redis:
        save_learned(redis)
    return replaced


def remove() -> None:
    """Remove the copies."""
    shutil.rmtree(PLACE, ignore_errors=True)


def copy(path: str, place: str) -> None:
    """Copy a database while it is in use, as its owner's."""
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", timeout=PATIENCE, uri=True)) as source,
            closing(sqlite3.connect(place)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise Failure(f"{path} could not be copied: {error}") from error
    found = os.stat(path)
    os.chmod(place, found.st_mode & 0o7777)
    os.chown(place, found.st_uid, found.st_gid)


def save_learned(redis: list[str]) -> None:
    """Have the filter's database write its file. If it is down, the file is as it was left."""
    try:
        _wait_for_save(redis)
        run(*redis, "bgsave")
        _wait_for_save(redis)
    except CommandError as error:
        print(f"what the spam filter learned last is not in this backup: {error}")


def _wait_for_save(redis: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while b"rdb_bgsave_in_progress:1" in run(*redis, "info", "persistence"):
        if time.monotonic() > deadline:
            raise CommandError(f"it was not saved within {PATIENCE:.0f} s", "")
        time.sleep(0.1)
