# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step a policy takes next. Pure: the same reports and the same day give the same step.

A policy climbs one step at a time, after DAYS in which others reported no more than SHARE of our
mail as failing. It goes one step back at once when FALL_SHARE of it fails. In between it stays, so
that it does not go up and down. Only reports about days after the last step count: those before it
have been judged.

One report proves nothing, since anybody can send one: REPORTERS must agree, on REPORT_DAYS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from pillarbox.reports.summary import FEWEST, SHARE
from pillarbox.status.finding import counted

# From lenient to strict. A unit test compares them with those of the controller.
LADDERS = {
    "dmarc": ("none", "quarantine", "reject"),
    "spf": ("~all", "-all"),
    "mta_sts": ("testing", "enforce"),
}
TITLES = {"dmarc": "DMARC", "spf": "SPF", "mta_sts": "MTA-STS"}
UNITS = {"dmarc": "message of ours", "spf": "message of ours", "mta_sts": "TLS session"}
MANY = {"dmarc": "messages of ours", "spf": "messages of ours", "mta_sts": "TLS sessions"}
# RFC 9989 ("Interoperability Considerations") wants at least a month at each step of DMARC. Two
# weeks include twice what is sent once a week.
DAYS = {"dmarc": 30, "spf": 14, "mta_sts": 14}
REPORT_DAYS = 3
REPORTERS = 2
# Days, and share of our mail, that lead a step back; at least FEWEST messages.
FALL_DAYS = 7
FALL_SHARE = 0.05


class Policy(NamedTuple):
    """A policy in force, and whether site.yml may move it; was: the stage that it fell from."""

    stage: str
    since: date
    free: bool
    was: str = ""


class Tally(NamedTuple):
    """How much of our mail, or how many sessions, a reporter saw pass and fail on a day."""

    day: date
    reporter: str
    passed: int
    failed: int


class Step(NamedTuple):
    """The next stage, empty if the policy stays, and why."""

    stage: str
    why: str
    back: bool = False


def next_step(
    ladder: str, policy: Policy, tallies: Iterable[Tally], today: date, hindrance: str = ""
) -> Step:
    """Return the next step of a policy.

    Args:
        ladder: one of LADDERS.
        tallies: what others reported, in any order.
        hindrance: why it must not become stricter now, if there is a reason.
    """
    stages = LADDERS[ladder]
    place = stages.index(policy.stage)
    fresh = [tally for tally in tallies if policy.since < tally.day <= today]
    recent = _since(fresh, today - timedelta(days=FALL_DAYS))
    if place > 0 and _bad(recent):
        why = f"{_failing(ladder, recent)} in the last {FALL_DAYS} days"
        return Step(stages[place - 1], why, back=True)
    if place == len(stages) - 1:
        return Step("", "it is as strict as it can be")
    days = DAYS[ladder]
    due = policy.since + timedelta(days=days)
    if today < due:
        return Step("", f"it stays until {due}, to collect reports")
    judged = _since(fresh, today - timedelta(days=days))
    if lack := _lack(ladder, judged):
        return Step("", lack)
    why = f"{_failing(ladder, judged)} in the last {days} days"
    failed, of = _sums(judged)
    if failed > SHARE * of:
        return Step("", f"{why}, which is too much")
    return Step("", hindrance) if hindrance else Step(stages[place + 1], why)


def _since(tallies: Sequence[Tally], day: date) -> list[Tally]:
    return [tally for tally in tallies if tally.day >= day]


def _sums(tallies: Sequence[Tally]) -> tuple[int, int]:
    """Return how much failed, and how much there was."""
    failed = sum(tally.failed for tally in tallies)
    return failed, failed + sum(tally.passed for tally in tallies)


def _bad(tallies: Sequence[Tally]) -> bool:
    failed, of = _sums(tallies)
    reporters = {tally.reporter for tally in tallies if tally.failed}
    return len(reporters) >= REPORTERS and failed >= max(FEWEST, FALL_SHARE * of)


def _lack(ladder: str, tallies: Sequence[Tally]) -> str:
    """Return what these are, if they are too few to become stricter; else nothing."""
    seen = [tally for tally in tallies if tally.passed or tally.failed]
    days, reporters = {tally.day for tally in seen}, {tally.reporter for tally in seen}
    if len(days) >= REPORT_DAYS and len(reporters) >= REPORTERS:
        return ""
    return (
        f"reports of {counted(len(days), 'day')} by {counted(len(reporters), 'reporter')} tell of"
        f" {MANY[ladder]}, which is too little to go by"
    )


def _failing(ladder: str, tallies: Sequence[Tally]) -> str:
    failed, of = _sums(tallies)
    reporters = counted(len({tally.reporter for tally in tallies}), "reporter")
    return f"{reporters} saw {failed:,} of {counted(of, UNITS[ladder], MANY[ladder])} fail"
