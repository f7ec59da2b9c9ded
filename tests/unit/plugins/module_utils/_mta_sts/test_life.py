# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of a host over several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.history import (
    HistoryError,
    dump,
    parse,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.life import (
    Policy,
    advance,
    waiting,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOLD = 2 * HOUR
ENFORCE = {"mode": "enforce", "max_age": 7 * 86400}
MX, MX2 = "mx.example.org", "mx2.example.net"


def run(
    known: Iterable[Policy] = (),
    policy: Mapping[str, Any] = ENFORCE,
    mx: Iterable[str] = (MX,),
    after: timedelta = timedelta(),
) -> list[Policy]:
    return advance(known, {"example.org": policy}, list(mx), NOW + after, HOLD)


def hosts(policies: list[Policy]) -> list[str]:
    (policy,) = policies
    return [line[4:] for line in policy.text.splitlines() if line.startswith("mx: ")]


def mode(policies: list[Policy]) -> str:
    (policy,) = policies
    return policy.text.splitlines()[1]


def test_the_policy_is_that_of_the_rfc() -> None:
    (policy,) = run(mx=[MX, MX2])
    assert policy.text.splitlines() == [
        "version: STSv1",
        "mode: enforce",
        "mx: mx.example.org",
        "mx: mx2.example.net",
        "max_age: 604800",
    ]
    (policy,) = run(policy={"mode": "testing"})
    assert "max_age: 1209600" in policy.text


def test_the_id_changes_with_the_policy_only() -> None:
    variants = [ENFORCE, {**ENFORCE, "mode": "testing"}, {**ENFORCE, "max_age": 604801}]
    ids = [run(policy=policy, after=after)[0].id for policy in variants for after in (HOUR, DAY)]
    assert len(set(ids)) == 3


def test_nothing_changes_without_a_reason() -> None:
    first = run()
    assert run(first, after=400 * DAY) == first


def test_a_new_host_is_in_the_policy_at_once() -> None:
    assert hosts(run(run(), mx=[MX, MX2])) == [MX, MX2]


def test_a_removed_host_stays_while_caches_may_have_its_record() -> None:
    removed = run(run(mx=[MX, MX2]), after=HOUR)
    assert hosts(removed) == [MX, MX2]
    text = "mx2.example.net stays in the policies until 2026-11-20 13:00 UTC"
    assert waiting(removed, HOLD)[0].startswith(text)
    assert run(removed, after=HOUR + HOLD - timedelta(seconds=1)) == removed
    gone = run(removed, after=HOUR + HOLD)
    assert hosts(gone) == [MX]
    assert waiting(gone, HOLD) == []


def test_a_removed_host_that_comes_back_is_as_before() -> None:
    first = run(mx=[MX, MX2])
    again = run(run(first), mx=[MX, MX2], after=HOUR)
    assert again[0].text == first[0].text
    assert run(again, mx=[MX, MX2], after=DAY) == again


@pytest.mark.parametrize("off", [{}, {"mode": "none"}, {"mode": "none", "max_age": 31557600}])
def test_a_policy_is_withdrawn_before_it_ends(off: dict[str, Any]) -> None:
    withdrawn = run(run(), off, after=DAY)
    assert mode(withdrawn) == "mode: none"
    # Senders need not look for long at a policy that tells them nothing.
    assert "max_age: 86400" in withdrawn[0].text
    (text,) = waiting(withdrawn, HOLD)
    assert (
        "example.org: its policy is being withdrawn, and is removed after 2026-11-28 10:00 UTC"
        in text
    )
    assert run(withdrawn, off, after=8 * DAY - HOUR) == withdrawn
    assert run(withdrawn, off, after=8 * DAY) == []


@pytest.mark.parametrize("off", [{}, {"mode": "none"}])
def test_a_domain_without_a_policy_needs_none_withdrawn(off: dict[str, Any]) -> None:
    assert run(policy=off) == []


def test_a_withdrawn_policy_may_come_back_and_is_withdrawn_again() -> None:
    again = run(run(run(), {}), ENFORCE, after=DAY)
    assert mode(again) == "mode: enforce"
    withdrawn = run(again, {}, after=2 * DAY)
    assert mode(run(withdrawn, {}, after=9 * DAY - HOUR)) == "mode: none"
    assert run(withdrawn, {}, after=9 * DAY) == []


def test_an_earlier_policy_with_a_longer_life_counts_too() -> None:
    short = run(run(policy={**ENFORCE, "max_age": 30 * 86400}), {**ENFORCE, "max_age": 60})
    withdrawn = run(short, {}, after=HOUR)
    assert mode(run(withdrawn, {}, after=29 * DAY)) == "mode: none"
    assert run(withdrawn, {}, after=30 * DAY) == []


def test_the_policy_of_a_domain_that_is_not_declared_ends_at_once() -> None:
    assert advance(run(), {"example.net": {}}, [MX], NOW, HOLD) == []


def test_a_thousand_domains_wait_in_one_line_for_one_host() -> None:
    declared = {f"{number}.example.org": ENFORCE for number in range(1000)}
    first = advance((), declared, [MX, MX2], NOW, HOLD)
    assert len(waiting(advance(first, declared, [MX], NOW, HOLD), HOLD)) == 1


def test_the_history_reads_back_what_it_has_written() -> None:
    policies = run(run(mx=[MX, MX2]), {})
    assert parse(dump(policies)) == policies
    assert parse(dump([])) == []
    assert parse(dump(run())) == run()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"example.org": 1}', '{"example.org": {"mode": "none"}}'),
        '{"a": {"mode": "none", "max_age": 1, "mx": [], "applied_until": "2026-11-20T10:00:00"}}',
    ],
)
def test_a_file_that_is_not_a_history_is_refused(text: str) -> None:
    with pytest.raises(HistoryError, match="is not a history of MTA-STS policies"):
        parse(text)
