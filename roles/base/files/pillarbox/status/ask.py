# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands that only read, with a time limit."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator

# Seconds. No command takes longer on a healthy host.
PATIENCE = 5.0
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}


class Unanswered(Exception):
    """A command that could not be run, failed or took too long; the message says which."""


class Cut(Unanswered):
    """A command that was stopped at the time limit; its lines so far were read."""


def output_of(*command: str, patience: float = PATIENCE) -> str:
    """Return the output of a command. Raises Unanswered."""
    return b"".join(lines_of(*command, patience=patience)).decode(errors="replace")


def lines_of(*command: str, patience: float = PATIENCE) -> Iterator[bytes]:
    """Yield the lines of a command's output as they come. Raises Cut, Unanswered."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
    except OSError as error:
        raise Unanswered(f"{command[0]}: {error.strerror}") from error
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(patience, end)
    timer.daemon = True
    timer.start()
    with process:
        assert process.stdout and process.stderr
        for line in process.stdout:
            # A command that was killed leaves the beginning of a line.
            if not late.is_set() or line.endswith(b"\n"):
                yield line
        said = process.stderr.read().decode(errors="replace").strip()
    timer.cancel()
    if late.is_set():
        raise Cut(f"{command[0]} did not finish within {patience:.0f} s")
    if process.returncode != 0:
        raise Unanswered(f"{command[0]}: {said or f'exit status {process.returncode}'}")
