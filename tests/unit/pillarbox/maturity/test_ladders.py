# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step a policy takes, by tables of what was reported on which day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pillarbox.maturity.ladders import DAYS, LADDERS, Policy, Step, Tally, next_step

TODAY = date(2026, 11, 27)
LONG_AGO = TODAY - timedelta(days=40)
# How many days ago, who, how much passed, how much failed.
Row = tuple[int, str, int, int]
CLEAN: list[Row] = [(day, who, 100, 0) for day in (2, 3, 5) for who in ("A", "B")]


def step(
    rows: list[Row],
    stage: str = "none",
    ladder: str = "dmarc",
    since: date = LONG_AGO,
    hindrance: str = "",
) -> Step:
    tallies = [
        Tally(TODAY - timedelta(days=ago), who, passed, failed) for ago, who, passed, failed in rows
    ]
    return next_step(ladder, Policy(stage, since, True), tallies, TODAY, hindrance)


@pytest.mark.parametrize("ladder", LADDERS)
def test_clean_reports_lead_to_the_next_step_and_not_further(ladder: str) -> None:
    *stages, last = LADDERS[ladder]
    for place, stage in enumerate(stages):
        found = step(CLEAN, stage, ladder)
        assert (found.stage, found.back) == (LADDERS[ladder][place + 1], False)
    assert step(CLEAN, last, ladder).stage == ""


def test_the_reason_has_the_numbers() -> None:
    rows = [*CLEAN, (1, "C", 0, 1)]
    assert step(rows).why == ("3 reporters saw 1 of 601 messages of ours fail in the last 30 days")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "reports of 0 days by 0 reporters"),
        # One reporter may be anybody.
        ([(day, "A", 100, 0) for day in range(1, 14)], "by 1 reporter"),
        ([(2, "A", 100, 0), (3, "B", 100, 0)], "reports of 2 days by 2 reporters"),
        # Reports that are not about our mail.
        ([(day, who, 0, 0) for day in (1, 2, 3) for who in "AB"], "reports of 0 days"),
        # What was said before this month.
        ([(ago + 30, *rest) for ago, *rest in CLEAN], "reports of 0 days"),
        # Reports about days to come.
        ([(-ago, *rest) for ago, *rest in CLEAN], "reports of 0 days"),
        ([*CLEAN, (12, "A", 0, 13)], "13 of 613 messages of ours fail"),
        # Of little mail, a single message is too much.
        ([(day, who, 1, day == 3 and who == "A") for day in (1, 2, 3) for who in "AB"], "1 of 7"),
    ],
)
def test_a_policy_stays_while_there_is_too_little_or_too_much_fails(
    rows: list[Row], why: str
) -> None:
    found = step(rows)
    assert found.stage == "" and why in found.why


@pytest.mark.parametrize(("ladder", "days"), DAYS.items())
def test_a_policy_stays_for_a_while(ladder: str, days: int) -> None:
    first, second, *_ = LADDERS[ladder]
    rows: list[Row] = [(ago, who, 9, 0) for ago in range(days) for who in "AB"]
    for age, expected in ((days - 1, ""), (days, second)):
        assert step(rows, first, ladder, TODAY - timedelta(days=age)).stage == expected
    due = TODAY + timedelta(days=days)
    assert f"until {due}" in step(CLEAN, first, ladder, TODAY).why


def test_what_the_check_finds_keeps_a_policy_from_becoming_stricter() -> None:
    assert step(CLEAN, hindrance="a finding") == Step("", "a finding")


FAILING: list[Row] = [(1, "A", 50, 5), (2, "B", 50, 6)]


@pytest.mark.parametrize("ladder", LADDERS)
def test_failures_lead_one_step_back_at_once_whatever_the_check_finds(ladder: str) -> None:
    first, *stages = LADDERS[ladder]
    assert step(FAILING, first, ladder).stage == ""
    for place, stage in enumerate(stages):
        found = step(FAILING, stage, ladder, TODAY - timedelta(days=3), "a finding")
        assert (found.stage, found.back) == (LADDERS[ladder][place], True)
        assert found.why.startswith("2 reporters saw 11 of 111 ")


@pytest.mark.parametrize(
    "rows",
    [
        # One reporter, however much it says.
        [*CLEAN, (1, "X", 0, 100_000)],
        # Few messages.
        [(1, "A", 0, 5), (2, "B", 0, 4)],
        # A small share.
        [(1, "A", 1000, 20), (2, "B", 1000, 20)],
        # Days that are past.
        [(8, "A", 50, 50), (9, "B", 50, 50)],
    ],
)
def test_a_policy_does_not_go_back_for_less(rows: list[Row]) -> None:
    assert step(rows, "reject").stage == ""


def test_failures_before_the_last_step_have_been_judged() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert step(FAILING, "reject", since=yesterday).stage == ""
    rows: list[Row] = [(0, "A", 50, 5), (0, "B", 50, 6)]
    assert step(rows, "reject", since=yesterday).stage == "quarantine"
