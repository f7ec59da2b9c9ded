# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a backup.

Mail arrives meanwhile, and users move and delete mail. A copy of files that are read one after
another may then show a state that never was: a message that was moved is in neither folder, or an
index refers to a message that was not there yet. So the files are read again until nothing has
changed between two passes. Whatever is the same in both existed as a whole in the moment between
them. Only the first pass takes long; the next ones look at times and sizes. On a host that is never
quiet, the last pass counts, in which only what was changed during its seconds can be torn.

Dovecot mends that: it writes a message before the index that refers to it, and rebuilds an index
from messages ("doveadm force-resync", which a restored host runs once). Flags that changed in these
seconds, and messages that arrived in them, may be missing; they are in the next backup.
"""

from __future__ import annotations

import os
import time
from datetime import date

from pillarbox import Failure
from pillarbox.backup import copies
from pillarbox.backup.contents import all_parts, contents, derived, existing
from pillarbox.backup.restic import TAG, Pass, Restic, Snapshot
from pillarbox.backup.settings import Settings, settings
from pillarbox.backup.state import State, alone, save, saved
from pillarbox.status.finding import counted, span

# Passes over the files, at most.
PASSES = 4
# The whole repository is read in so many weekly parts.
PARTS = 12
DAY = 86400
# All backups of this time remain: one that is made after a mistake must not replace the one before.
LATELY = "2d"
# Roles without which a host is not complete, as after an interrupted restore.
NEEDED = ("acme_sh", "base", "postfix", "rspamd")


def now(new: bool = False) -> int:
    """Make a backup, remove old ones, and check the repository once a week.

    Args:
        new: whether to begin a new repository if the former one is gone.
    """
    given = settings()
    restic = Restic(given.environment, given.upload_limit)
    with alone():
        state = saved()
        if new:
            state.pop("repository", None)
        try:
            make(restic, given, state)
        except (Failure, OSError) as failure:
            save({**state, "failure": str(failure), "failed": time.time()})
            raise
    return 0


def make(restic: Restic, given: Settings, state: State) -> None:
    """Make a backup, and keep the state up to date. Raises Failure."""
    found = all_parts()
    if lacking := [role for role in NEEDED if role not in found]:
        raise Failure(f"this host has no {', '.join(lacking)} yet; run site.yml first")
    open_repository(restic, state)
    # Locks of runs that were killed.
    restic.run("unlock")
    last = own(restic.snapshots(), given, restic.repository)
    began = time.monotonic()
    items = contents(found)
    try:
        replaced = copies.prepare(items, found["rspamd"]["redis"])
        paths = [path for item in items for path in existing(item.paths)]
        *former, read = passes(
            restic, given.host, last, [*paths, str(copies.PLACE)], [*derived(found), *replaced]
        )
    finally:
        copies.remove()
    state.pop("failure", None)
    state.pop("failed", None)
    state |= {"made": time.time(), "files": read.files, "size": read.size}
    state |= {"seconds": round(time.monotonic() - began), "repository": restic.repository}
    save(state)
    print(f"{counted(read.files, 'file')}, {megabytes(read.size)}, in {span(state['seconds'])}")
    clean(restic, given, [one.snapshot for one in former])
    verify(restic, state)


def open_repository(restic: Restic, state: State) -> None:
    """Create the repository if this host has not used it before. Raises Failure."""
    if restic.exists():
        # restic would try for a quarter of an hour. The kernel mounts a disk with errors so.
        if os.path.isdir(restic.repository) and not os.access(restic.repository, os.W_OK):
            raise Failure(f"{restic.repository} cannot be written; is its disk read-only?")
        return
    if state.get("repository") == restic.repository:
        raise Failure(
            f"there is no repository at {restic.repository} any more. Is its disk mounted? To begin"
            " a new one there, run: pillarbox backup now --new"
        )
    restic.run("init")
    print(f"created the repository {restic.repository}")


def own(found: list[Snapshot], given: Settings, repository: str) -> str:
    """Return the last backup of this host; empty if there is none.

    Raises:
        Failure: there are backups of another host.
    """
    if others := sorted({one.host for one in found} - {*given.names}):
        raise Failure(
            f"{repository} has backups of {', '.join(others)}; give this host a repository of its"
            " own in mail_backup.repository"
        )
    return found[-1].id if found else ""


def passes(restic: Restic, host: str, parent: str, paths: list[str], but: list[str]) -> list[Pass]:
    """Read the files until two passes agree. The last pass is the backup."""
    made = [restic.back_up(host, parent, paths, but)]
    for number in range(2, PASSES + 1):
        read = restic.back_up(host, made[-1].snapshot, paths, but)
        made.append(read)
        if not read.changed and not read.vanished:
            print(f"consistent: nothing changed between passes {number - 1} and {number}")
            break
    else:
        print(f"{counted(read.changed, 'file')} changed during the last of {PASSES} passes")
    return made


def clean(restic: Restic, given: Settings, passed: list[str]) -> None:
    """Remove backups that are not to be kept, and what only they contain.

    Args:
        passed: former passes of this backup.
    """
    if given.keep:
        restic.run("forget", *passed)
        restic.run(
            *("forget", "--prune", "--tag", TAG, "--group-by", "", "--keep-within", LATELY),
            *(word for unit, many in given.keep.items() for word in (f"--keep-{unit}", str(many))),
        )


def verify(restic: Restic, state: State) -> None:
    """Check the repository if that was done a week ago, with a part of its data."""
    if time.time() - state.get("checked", 0) < 7 * DAY - DAY / 2:
        return
    part = date.today().isocalendar().week % PARTS + 1
    restic.run("check", f"--read-data-subset={part}/{PARTS}")
    state["checked"] = time.time()
    save(state)
    print(f"the repository is sound; part {part} of {PARTS} of its data was read")


def megabytes(size: int) -> str:
    """Return a size for people."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{max(size, 1e5) / 1e6:,.1f} MB"
