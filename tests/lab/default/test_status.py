# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about a healthy host."""

from __future__ import annotations

import json

import pytest

from tests.lab import lab

pytestmark = pytest.mark.first

PARTS = {
    "daemons",
    "jobs",
    "queue",
    "held mail",
    "certificates",
    "web names",
    "dkim",
    "disk",
    "clock",
    "configuration",
    "resolver",
}


def test_nothing_needs_attention() -> None:
    # Any other exit status than 0 fails.
    screen = lab.on("mx", "pillarbox status")
    assert screen.endswith("\nNothing needs attention.\n")
    lines = screen.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80


def test_programs_are_told_the_same() -> None:
    whole = json.loads(lab.on("mx", "pillarbox status --json"))
    assert whole["state"] == "ok"
    states = {finding["part"]: finding["state"] for finding in whole["findings"]}
    assert states.keys() == PARTS
    # A container has the clock of the machine under it, which may be right.
    assert states.pop("clock") in ("ok", "unknown")
    assert set(states.values()) == {"ok"}
