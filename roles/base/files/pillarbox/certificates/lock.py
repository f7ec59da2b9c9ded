# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock on the ring: one run at a time; the module tls_key_ring uses it too."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds in which a run that waits takes the lock.
PAUSE = 0.2


@contextmanager
def locked(directory: str) -> Iterator[Callable[[], None]]:
    """Hold the lock, and return a function that lets a run that waits go first."""
    with Path(directory, ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run to end", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)

        def give_way() -> None:
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(PAUSE)
            fcntl.flock(lock, fcntl.LOCK_EX)

        yield give_way
