# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage a tree of configuration files for the programs that validate it.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    Entry,
    relative,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.plan import Plan, look
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    Attributes,
    write_file,
)


@contextmanager
def lock(directory: str, create: bool) -> Iterator[bool]:
    """Wait for other runs to end; yield False if there is no directory, hence no other run."""
    if create:
        parent = os.path.dirname(directory)
        if not os.path.isdir(parent):
            os.makedirs(parent, exist_ok=True)
            # nginx serves files beside it, on a host with a strict umask, too.
            os.chmod(parent, 0o755)
        os.makedirs(directory, mode=0o700, exist_ok=True)
    if not os.path.isdir(directory):
        yield False
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def staged(plan: Plan, dest: str, overlay: Sequence[str], place: str | None) -> Iterator[str]:
    """Write the future tree below a private directory, and yield its path.

    Args:
        overlay: directories relative to dest whose other files are included.
        place: the directory to create (one that a killed run left is replaced), or None for a
            temporary directory.
    """
    if place:
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place, 0o700)
    root = os.path.realpath(place or tempfile.mkdtemp())
    prefix = dest.rstrip("/")
    try:
        for directory in (relative(path, "overlay") for path in overlay):
            if os.path.isdir(f"{prefix}/{directory}"):
                _copy(f"{prefix}/{directory}", f"{root}/{directory}")
        for entry in plan.entries:
            if entry.path.startswith(f"{prefix}/"):
                _stage(entry, root + entry.path[len(prefix) :], plan.attributes[entry.path])
        for path in plan.removed:
            copy = root + path[len(prefix) :]
            # A symbolic link in the copy may lead out of it, to the live file.
            inside = f"{os.path.realpath(os.path.dirname(copy))}/".startswith(f"{root}/")
            if path.startswith(f"{prefix}/") and inside and look(copy).kind in ("file", "link"):
                os.unlink(copy)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _stage(entry: Entry, copy: str, attributes: Attributes) -> None:
    if entry.content is not None:
        if os.path.lexists(copy):
            os.unlink(copy)
        write_file(copy, entry.content, attributes, durable=False)
        # Postfix waits two seconds for a recently changed file, in case it is incomplete.
        os.utime(copy, (0, 0))
        return
    if os.path.islink(copy):
        # Files below a copied link would end up in the live directory: create a real one.
        os.unlink(copy)
        _copy(entry.path, copy)
    os.makedirs(copy, exist_ok=True)


def _copy(source: str, target: str) -> None:
    def special(directory: str, names: list[str]) -> list[str]:
        modes = {name: os.lstat(os.path.join(directory, name)).st_mode for name in names}
        plain = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
        return [name for name, mode in modes.items() if stat.S_IFMT(mode) not in plain]

    shutil.copytree(source, target, symlinks=True, ignore=special, dirs_exist_ok=True)
