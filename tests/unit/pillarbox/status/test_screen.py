# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How "pillarbox status" prints its findings for people and for programs."""

from __future__ import annotations

import json
import re

from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding
from pillarbox.status.screen import as_json, screen

NOW = 1795673526
WELL = [
    Finding("daemons", "", OK, "9 daemons active"),
    Finding("jobs", "", OK, "11 timers and jobs, none failed"),
    Finding("queue", "active", OK, "2 messages, the oldest for 5 seconds"),
    Finding("queue", "deferred", OK, '3 messages, the oldest for 2 hours; 2 of them: "Refused"'),
    Finding("held mail", "", OK, "none"),
    *(
        Finding(
            "certificates", name, OK, "89 days left, renewal 2027-01-25, from Let's Encrypt R12"
        )
        for name in ("ecdsa", "rsa")
    ),
    Finding("dkim", "", OK, "2 domains, keys: 4 active; site.yml revokes r1 of a.example now"),
    Finding("disk", "mailboxes", OK, "29 % of space, 5 % of inodes in use"),
    Finding("disk", "queue", OK, "29 % of space, 5 % of inodes in use"),
    Finding("clock", "", UNKNOWN, "a container uses the clock of its host"),
    Finding("configuration", "", OK, "loaded"),
    Finding("resolver", "", OK, "answers, and validates DNSSEC"),
]
STOPPED = Finding(
    "daemons", "dovecot.service", ATTENTION, 'inactive: "' + "x y " * 40 + '"', "start"
)


def test_a_host_that_is_well_fits_on_one_screen() -> None:
    lines = screen(WELL, "mx", NOW, colours=False).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "Nothing needs attention."


def test_each_line_has_its_part_its_state_and_its_words() -> None:
    lines = screen(WELL, "mx", NOW, colours=False).splitlines()
    assert lines[0].startswith("mx, 2026-11-26 ")
    assert "daemons        ok         9 daemons active" in lines
    assert "queue          ok         active: 2 messages, the oldest for 5 seconds" in lines
    assert "clock          unknown    a container uses the clock of its host" in lines


def test_what_needs_attention_comes_first_in_its_part_and_last_with_its_remedy() -> None:
    lines = screen([*WELL, STOPPED], "mx", NOW, colours=False).splitlines()
    assert lines[2].startswith("daemons        attention  dovecot.service: inactive")
    assert lines[-2:] == ["Needs attention:", "  daemons: start"]
    assert max(map(len, lines)) <= 80


def test_a_remedy_is_said_once() -> None:
    found = [Finding("disk", name, ATTENTION, "full", "make room") for name in ("a", "b")]
    assert screen(found, "mx", NOW, colours=False).count("make room") == 1


def test_colours_are_only_on_the_states() -> None:
    plain = screen([*WELL, STOPPED], "mx", NOW, colours=False)
    coloured = screen([*WELL, STOPPED], "mx", NOW, colours=True)
    assert "\033" not in plain
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == plain
    assert "\033[1;31mattention  \033[0m" in coloured


def test_programs_get_the_same_facts() -> None:
    whole = json.loads(as_json([*WELL, STOPPED], "mx", NOW))
    assert (whole["host"], whole["time"], whole["state"]) == (
        "mx",
        "2026-11-26T06:12:06Z",
        ATTENTION,
    )
    assert whole["findings"][-1] == {
        "part": "daemons",
        "subject": "dovecot.service",
        "state": "attention",
        "text": STOPPED.text,
        "remedy": "start",
    }
    assert json.loads(as_json(WELL, "mx", NOW))["state"] == OK
