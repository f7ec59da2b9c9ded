# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a finding exists, and what is reported; test_check_daily.py in the lab has mails."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.memory import Memory
from pillarbox.check.run import Outcome
from pillarbox.check.saved import save, saved

DAY = 86400.0
LISTED = Finding("DNS list", "192.0.2.1 at list.example", CRITICAL, "listed")
FINE = LISTED._replace(status=OK)
SILENT = LISTED._replace(status=UNKNOWN)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "check.json"


def run(file: Path, finding: Finding, day: int) -> tuple[Finding, list[Finding], list[str]]:
    """Return the finding with its date, and what a daily report would contain."""
    memory = Memory(file)
    dated = memory.dated(Outcome({"DNS list": [finding]}, frozenset()), day * DAY)
    new, gone = memory.changes(dated)
    memory.remember(dated)
    return dated.all()[0], new, gone


def test_a_finding_is_reported_once_and_keeps_its_date(file: Path) -> None:
    first, new, _gone = run(file, LISTED, 1)
    assert (first.since, new) == ("1970-01-02T00:00:00Z", [first])
    second, new, gone = run(file, LISTED, 2)
    assert (second.since, new, gone) == (first.since, [], [])


def test_one_that_is_gone_is_reported_once(file: Path) -> None:
    run(file, LISTED, 1)
    assert run(file, FINE, 2)[1:] == ([], [LISTED.key])
    assert run(file, FINE, 3)[1:] == ([], [])


def test_no_answer_neither_ends_a_finding_nor_begins_one(file: Path) -> None:
    first = run(file, LISTED, 1)[0]
    assert run(file, SILENT, 2)[1:] == ([], [])
    again, new, gone = run(file, LISTED, 3)
    assert (again.since, new, gone) == (first.since, [], [])


def test_no_answer_twice_in_a_row_is_reported_once_and_so_is_its_end(file: Path) -> None:
    assert run(file, SILENT, 1)[1:] == ([], [])
    assert [finding.status for finding in run(file, SILENT, 2)[1]] == [UNKNOWN]
    assert run(file, SILENT, 3)[1:] == ([], [])
    assert run(file, FINE, 4)[1:] == ([], [SILENT.key])


def test_what_is_unknown_for_a_day_is_not_resolved_as_it_was_never_reported(file: Path) -> None:
    run(file, SILENT, 1)
    assert run(file, FINE, 2)[1:] == ([], [])


def test_a_check_that_did_not_finish_resolves_nothing(file: Path) -> None:
    run(file, LISTED, 1)
    failed = Finding("DNS list", "", UNKNOWN, "not done within 60 s")
    memory = Memory(file)
    partial = memory.dated(Outcome({"DNS list": [failed]}, frozenset({"DNS list"})), 2 * DAY)
    assert memory.changes(partial) == ([], [])
    memory.remember(partial)
    again, new, _gone = run(file, LISTED, 3)
    assert (again.since, new) == ("1970-01-02T00:00:00Z", [])


def test_one_that_becomes_urgent_is_reported_again(file: Path) -> None:
    run(file, LISTED._replace(status=WARNING), 1)
    assert [finding.status for finding in run(file, LISTED, 2)[1]] == [CRITICAL]


def test_of_notes_only_proposals_are_reported(file: Path) -> None:
    note, proposal = LISTED._replace(status=NOTE), Finding("maturity", "example.org", NOTE, "fine")
    assert run(file, note, 1)[1] == []
    assert [finding.check for finding in run(file, proposal, 2)[1]] == ["maturity"]
    assert run(file, proposal, 3)[1:] == ([], [])
    assert run(file, proposal._replace(status=OK), 4)[1:] == ([], [proposal.key])


def test_a_damaged_memory_only_loses_the_dates(file: Path) -> None:
    file.write_text("{")
    assert run(file, LISTED, 5)[0].since == "1970-01-06T00:00:00Z"


@pytest.mark.parametrize(
    "later",
    [
        Outcome({"DNS list": [SILENT]}, frozenset()),
        # The whole check had no answer.
        Outcome({"DNS list": [SILENT._replace(subject="")]}, frozenset({"DNS list"})),
    ],
    ids=["one subject", "the check"],
)
def test_an_alert_does_not_end_by_no_answer(file: Path, later: Outcome) -> None:
    save(Outcome({"DNS list": [LISTED]}, frozenset()), 1.0, file)
    save(later, 2.0, file)
    last = saved(file)
    assert last and LISTED in last[1]
    save(Outcome({"DNS list": [FINE]}, frozenset()), 3.0, file)
    assert saved(file) == (3.0, [FINE])
