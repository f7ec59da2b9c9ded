# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what config_tree has changed and the daemon has not loaded yet.

This module util is PRIVATE to the collection.

Otherwise, after a lost connection or a failed reload in between, the next run would find nothing to
change and leave the daemon with its old configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

STATE = "/var/lib/pillarbox/config_tree"


def _file(state: str, tree: str) -> str:
    return f"{state}/{tree}.pending"


def read(state: str, tree: str) -> list[str]:
    """Return the paths of the tree that changed since the daemon last loaded it."""
    try:
        with open(_file(state, tree), encoding="utf-8") as file:
            return [str(path) for path in json.load(file)]
    except FileNotFoundError:
        return []


def add(state: str, tree: str, paths: Iterable[str]) -> None:
    """Record paths that are about to be changed."""
    known = sorted({*read(state, tree), *paths})
    with open(_file(state, tree) + ".new", "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.replace(file.name, _file(state, tree))


def clear(state: str, tree: str) -> None:
    """Record that the daemon has loaded everything."""
    try:
        os.unlink(_file(state, tree))
    except FileNotFoundError:
        return
