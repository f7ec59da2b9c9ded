# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands on the host."""

from __future__ import annotations

import subprocess
from typing import Any

from pillarbox import Failure


class CommandError(Failure):
    """A command that failed; the attribute output is what it printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


class CommandTimeout(CommandError):
    """A command that took too long, and was killed."""


# Seconds that a command may take, unless its caller allows more.
TIMEOUT = 120.0


def run(
    *command: str,
    given: bytes = b"",
    merge: bool = False,
    timeout: float = TIMEOUT,
    **options: Any,
) -> bytes:
    """Run a command and return its output.

    Args:
        given: its standard input.
        merge: whether its standard error is part of the output. Otherwise standard error appears
            only in the message of a failure.
        timeout: after so many seconds it is killed.
        options: further arguments of subprocess.run(), such as env.

    Raises:
        CommandError: it failed, or as CommandTimeout took too long; or OSError: it is not
            installed.
    """
    try:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            command,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            check=False,
            timeout=timeout,
            **options,
        )
    except subprocess.TimeoutExpired:
        message = f"{command[0]} did not answer within {timeout:.0f} seconds"
        raise CommandTimeout(message, message) from None
    if done.returncode != 0:
        output = (done.stdout if merge else done.stderr).decode(errors="replace")
        last = " | ".join(output.split("\n")[-5:]).strip(" |")
        ended = f"{' '.join(command)} ended with code {done.returncode}"
        raise CommandError(f"{ended}: {last}" if last else ended, output)
    return done.stdout
