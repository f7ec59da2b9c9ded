# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give restored files to the users of this host, by name: their numbers may differ."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pillarbox.commands import run

# Beyond these are the dynamic users of systemd, which gives them their files itself.
LAST = 60000


def adopt(users: list[list[Any]], groups: list[list[Any]], tops: Iterable[Path]) -> None:
    """Change numbers of another host to those of this one. Missing users are created.

    restic restores the numbers, so this can be repeated after it.

    Args:
        users: of the other host, as in passwd(5).
        groups: their names and numbers.
        tops: what was restored. The directories above belong to it.
    """
    paths = [*everything(tops)]
    found = [os.lstat(path) for path in paths]
    names = {user[2]: user for user in users}
    owners = {status.st_uid for status in found if 0 < status.st_uid < LAST} & names.keys()
    wanted = {status.st_gid for status in found if 0 < status.st_gid < LAST}
    # With a group its user, as packages create neither if there is the user, and fail on half.
    called = {name for name, gid in groups if gid in wanted}
    owners |= {uid for uid, user in names.items() if user[0] in called and 0 < uid < LAST}
    wanted |= {names[uid][3] for uid in owners}
    gids = {gid: group_of(name, gid) for name, gid in groups if gid in wanted and gid}
    uids = {uid: user_of(names[uid], gids) for uid in sorted(owners)}
    for path, status in zip(paths, found, strict=True):
        uid, gid = uids.get(status.st_uid, -1), gids.get(status.st_gid, -1)
        if uid not in (-1, status.st_uid) or gid not in (-1, status.st_gid):
            os.chown(path, uid, gid, follow_symlinks=False)
            # chown(2) takes these bits away.
            if status.st_mode & 0o6000:
                os.chmod(path, status.st_mode & 0o7777)


def everything(tops: Iterable[Path]) -> Iterator[Path]:
    """Yield files and directories, each once, with the directories above."""
    seen: set[Path] = set()
    for top in tops:
        if not os.path.lexists(top) or top in seen:
            continue
        for above in (top, *top.parents[:-1]):
            if above not in seen:
                seen.add(above)
                yield above
        if top.is_dir() and not top.is_symlink():
            for directory, directories, names in os.walk(top):
                yield from (Path(directory, name) for name in [*directories, *names])


def group_of(name: str, gid: int) -> int:
    """Return the number of a group, which is created if it is missing, if possible with this."""
    with suppress(KeyError):
        return grp.getgrnam(name).gr_gid
    same = [] if _taken(grp.getgrgid, gid) else ["--gid", str(gid)]
    run("groupadd", "--system", *same, name)
    # Not from a cache of this process.
    return int(run("getent", "group", name).split(b":")[2])


def user_of(user: list[Any], gids: Mapping[int, int]) -> int:
    """Return the number of a user, who is created if missing, if possible with the same."""
    name, _password, uid, gid, comment, home, shell = user
    with suppress(KeyError):
        return pwd.getpwnam(name).pw_uid
    same = [] if _taken(pwd.getpwuid, uid) else ["--uid", str(uid)]
    group = str(gids.get(gid, gid))
    more = ["--no-create-home", "--home-dir", home, "--shell", shell, "--comment", comment]
    run("useradd", "--system", *same, "--gid", group, *more, name)
    return int(run("getent", "passwd", name).split(b":")[2])


def _taken(look_up: Any, number: int) -> bool:
    try:
        look_up(number)
    except KeyError:
        return False
    return True
