# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP from peer to the mail host, byte for byte, and the mail host's log of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from tests.lab import lab

PROGRAM = lab.ROOT / "tests/lab/wire_program.py"


def wire(
    *dialogues: Sequence[str], client: str = "198.18.0.20", eager: str = "", hang: int = 0
) -> list[list[str]]:
    """Run dialogues from peer, and return the mail host's replies; see wire_program.py."""
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
    """Return the current end of the mail host's log."""
    log = lab.on("mx", "journalctl -n 0 --show-cursor -u 'postfix*'")
    return log.split("cursor: ")[1].strip()


def log_since(mark: str, word: str) -> list[str]:
    """Return the lines with a word that Postfix on the mail host has logged since then."""
    log = lab.on("mx", f"journalctl --no-pager -o cat -u 'postfix*' --after-cursor '{mark}'")
    return [line for line in log.splitlines() if word in line]
