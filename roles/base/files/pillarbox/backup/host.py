# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a whole host onto a bare one. site.yml then completes it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pillarbox import Failure
from pillarbox.backup import copies
from pillarbox.backup.contents import MEMORY, QUEUE, REDIS, VALKEY
from pillarbox.backup.owners import adopt
from pillarbox.backup.restic import Restic, Snapshot
from pillarbox.status.finding import counted

# There while a restore is under way, so that it may be repeated.
UNDER_WAY = Path("/etc/pillarbox/backup/restoring")
# Has Dovecot compare indexes and messages once, when it first starts; role dovecot's index-mail.
RESTORED = Path(MEMORY, "restored")
# Directories of file systems that nobody uses yet.
EMPTY = {"lost+found"}


def restore(restic: Restic, chosen: Snapshot) -> None:
    """Restore all files of a backup. Raises Failure, before any change if this host lives."""
    about = read_about(restic, chosen)
    if not UNDER_WAY.exists():
        if alive := [path for path in about["bare"] if in_use(path)]:
            raise Failure(
                f"this host is in use: it has {', '.join(alive)}. A whole host is restored onto a"
                " bare one only; for one mailbox, run: pillarbox backup restore ADDRESS"
            )
        UNDER_WAY.touch()
    else:
        remove_links(about["paths"])
    restic.restore(chosen.id, "--target", "/")
    take_over_database(about)
    put_databases()
    adopt(about["users"], about["groups"], [*map(Path, about["paths"])])
    held = hold(Path(path) for path in about["paths"])
    RESTORED.touch()
    copies.remove()
    UNDER_WAY.unlink()
    print(f"restored the backup of {chosen.time:%Y-%m-%d %H:%M} of {chosen.host}")
    if held:
        print(f"{counted(held, 'message')} of the queue: held, as they may have been delivered")
    print("run site.yml now; it finds keys, accounts and mail, and announces nothing too early")


def read_about(restic: Restic, chosen: Snapshot) -> dict[str, Any]:
    """Return what the backup says of itself. Raises Failure if it cannot be restored here."""
    about: dict[str, Any] = json.loads(restic.dump(chosen.id, str(copies.ABOUT)))
    if about["format"] > copies.FORMAT:
        raise Failure("this backup was made by a newer collection; install that one")
    release = platform.freedesktop_os_release().get("VERSION_ID", "")
    if number(about["release"]) > number(release):
        raise Failure(
            f"this backup is of Debian {about['release']}, whose programs write newer formats than"
            f" those of Debian {release}; use a host with Debian {about['release']}"
        )
    return about


def number(release: str) -> float:
    """Return the number of a release. One that is not released yet has none."""
    return float(release) if release else float("inf")


def in_use(path: str) -> bool:
    """Whether there is a file, or a directory that contains something."""
    if os.path.isdir(path):
        return bool({*os.listdir(path)} - EMPTY)
    return os.path.lexists(path)


def remove_links(tops: list[str]) -> None:
    """Remove symbolic links that an interrupted restore left: restic replaces none.

    A link to another disk that somebody made on this host stays.
    """
    for top in tops:
        if os.path.islink(top) and os.path.realpath(top) in tops:
            os.unlink(top)
        for directory, directories, names in os.walk(top):
            for path in (os.path.join(directory, name) for name in [*directories, *names]):
                if os.path.islink(path):
                    os.unlink(path)


def put_databases() -> None:
    """Move the copies of databases to where they belong."""
    for directory, _directories, names in os.walk(copies.DATABASES):
        for name in names:
            copy = Path(directory, name)
            place = Path("/", copy.relative_to(copies.DATABASES))
            for suffix in copies.BESIDE:
                Path(f"{place}{suffix}").unlink(missing_ok=True)
            os.replace(copy, place)


def take_over_database(about: dict[str, Any]) -> None:
    """Give the data of Redis to Valkey, which a bare host has since Debian 13."""
    release = platform.freedesktop_os_release().get("VERSION_ID", "")
    if not Path(REDIS).exists() or number(release) < 13:
        return
    Path(VALKEY).parent.mkdir(mode=0o750, exist_ok=True)
    os.replace(REDIS, VALKEY)
    about["paths"] = [VALKEY if path == REDIS else path for path in about["paths"]]
    for one in [*about["users"], *about["groups"]]:
        if one[0] == "redis":
            one[:] = [str(x).replace("redis", "valkey") if isinstance(x, str) else x for x in one]
    owner = os.lstat(VALKEY)
    os.chown(Path(VALKEY).parent, owner.st_uid, owner.st_gid)


def hold(paths: Iterable[Path]) -> int:
    """Put mail that waited in the queue on hold, and return how many messages are held.

    It may have been delivered after the backup; an administrator decides.
    """
    states = {path.name: path for path in paths if path.name in QUEUE}
    place = states.get("hold")
    if not place:
        return 0
    for state in QUEUE[:-1]:
        for message in waiting(states[state]) if state in states else ():
            os.replace(message, place / message.name)
    return len(list(waiting(place)))


def waiting(directory: Path) -> Iterator[Path]:
    """Yield the complete messages of a queue; Postfix marks them as executable."""
    for found, _directories, names in os.walk(directory):
        for name in names:
            message = Path(found, name)
            if message.stat().st_mode & 0o100:
                yield message
