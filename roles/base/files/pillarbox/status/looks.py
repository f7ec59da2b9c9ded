# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all checks of the host in parallel, each with a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pillarbox.status import (
    backup,
    certificates,
    dkim,
    host,
    mail_queue,
    resolver,
    units,
    web_names,
)
from pillarbox.status.finding import UNKNOWN, Finding
from pillarbox.status.parts import Parts

# Seconds, for checks that hang in a system call, such as on a file system that is gone.
PATIENCE = 10.0

Look = Callable[[Parts, float], list[Finding]]

LOOKS: dict[str, Look] = {
    "daemons": units.look,
    "queue": mail_queue.look,
    "certificates": certificates.look,
    "web names": web_names.look,
    "dkim": dkim.look,
    "backup": backup.look,
    "disk": host.disk,
    "memory": host.memory,
    "clock": host.clock,
    "configuration": host.configuration,
    "resolver": resolver.look,
}


def look(
    parts: Parts, now: float, looks: dict[str, Look] | None = None, patience: float = PATIENCE
) -> list[Finding]:
    """Return the findings of all checks in order; one that fails or hangs is "unknown"."""
    looks = LOOKS if looks is None else looks
    found: dict[str, list[Finding]] = {}

    def run(name: str) -> None:
        try:
            found[name] = looks[name](parts, now)
        # A failed check, whatever the cause, must not hide the others.
        except Exception as error:
            found[name] = [unknown(name, f"{error}" or type(error).__name__)]

    # Daemon threads do not keep the program from exiting.
    threads = {name: threading.Thread(target=run, args=[name], daemon=True) for name in looks}
    deadline = time.monotonic() + patience
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = f"no result within {patience:.0f} s"
    return [finding for name in looks for finding in found.get(name, [unknown(name, silent)])]


def unknown(name: str, why: str) -> Finding:
    """Return the finding of a check that failed, which may hide a problem."""
    remedy = "run pillarbox status again; if it stays unknown, see journalctl -b -p err"
    return Finding(name, "", UNKNOWN, why, remedy)
