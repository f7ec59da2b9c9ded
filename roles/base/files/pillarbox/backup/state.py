# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the last backup was made, what it contains, and why the last attempt failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pillarbox.certificates.lock import locked
from pillarbox.files import read, replace

DIRECTORY = Path("/var/lib/pillarbox-backup")
FILE = DIRECTORY / "state.json"

# repository: the one that was used last; made, checked: seconds since 1970; failure: a text;
# files, size, seconds, whole: of the last backup.
State = dict[str, Any]


def saved() -> State:
    """Return the state; empty if there was no backup yet."""
    try:
        found: State = json.loads(read(FILE) or b"{}")
    except ValueError:
        # It is only about the last run; the repository has the backups.
        found = {}
    return found


def save(state: State) -> None:
    """Replace the state."""
    replace(FILE, json.dumps(state).encode())


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other backup or restore of this host runs."""
    DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    with locked(str(DIRECTORY)):
        yield
