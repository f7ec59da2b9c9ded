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
        # All that it printed, as far as that was read.
        self.output = output.decode(errors="replace")
        said = " | ".join(self.output.split("\n")[-5:]).strip(" |")
        super().__init__(f"{' '.join(command)} ended with code {status}" + (said and f": {said}"))


def run(*command: str, given: bytes = b"", merge: bool = False, **options: Any) -> bytes:
    """Run a command and return what it prints.

    Its words on standard error are for whoever called this program, or with *merge* for the
    caller, among what it prints.

    Args:
        given: what it reads.
        options: of subprocess.run(), such as env and timeout.

    Raises:
        CommandError: it failed; or OSError: it is not there.
    """
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        command,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merge else None,
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise CommandError(command, done.returncode, done.stdout)
    return done.stdout
