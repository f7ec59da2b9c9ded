# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command of the host: the one way in which the program does."""

from __future__ import annotations

import subprocess
from typing import Any

from pillarbox import Failure


class CommandError(Failure):
    """A command that failed."""

    def __init__(self, command: tuple[str, ...], status: int, output: bytes) -> None:
        # What it said of that.
        self.output = output.decode(errors="replace")
        said = " | ".join(self.output.split("\n")[-5:]).strip(" |")
        super().__init__(f"{' '.join(command)} ended with code {status}" + (said and f": {said}"))


def run(*command: str, given: bytes = b"", merge: bool = False, **options: Any) -> bytes:
    """Run a command and return what it prints.

    Args:
        given: what it reads.
        merge: what it says on standard error is part of what it prints, in its order. Otherwise
            that is heard of only when it fails.
        options: of subprocess.run(), such as env and timeout.

    Raises:
        CommandError: it failed; or OSError: it is not there.
    """
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        command,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else subprocess.PIPE,
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise CommandError(command, done.returncode, done.stdout if merge else done.stderr)
    return done.stdout
