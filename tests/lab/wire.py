# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP from the peer to the mail host, to the byte, and what the mail host logs of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from tests.lab import lab

PROGRAM = lab.ROOT / "tests/lab/wire_program.py"


def wire(
    *dialogues: Sequence[str], client: str = "198.18.0.20", eager: str = "", hang: int = 0
) -> list[list[str]]:
    """What the mail host answers to the peer in these dialogues; the program has more."""
    each = [
        {
            "server": lab.ADDRESSES[lab.MX],
            "client": client,
            "hang": hang,
            "eager": eager,
            "sends": sends,
        }
        for sends in dialogues
    ]
    answer = lab.on("peer", f"python3 -c {shlex.quote(PROGRAM.read_text())}", json.dumps(each))
    replies: list[list[str]] = json.loads(answer)
    return replies


def cursor() -> str:
    """The present end of the mail host's log."""
    log = lab.on("mx", "journalctl -n 0 --show-cursor -u 'postfix*'")
    return log.split("cursor: ")[1].strip()


def log_since(mark: str, word: str) -> list[str]:
    """The lines with a word in them that Postfix on the mail host has logged since."""
    log = lab.on("mx", f"journalctl --no-pager -o cat -u 'postfix*' --after-cursor '{mark}'")
    return [line for line in log.splitlines() if word in line]
