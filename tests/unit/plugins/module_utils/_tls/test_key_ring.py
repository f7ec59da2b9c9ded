# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.key_ring import Slot, plan

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOLD = 7200
E, R = "ecdsa", "rsa"
CURRENT, NEXT, PREVIOUS = (E, "current"), (E, "next"), (E, "previous")
RSA = {(R, "current"): "r1", (R, "next"): "r2"}


def ago(seconds: int) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("present", "retired", "make", "drop", "publish", "remembered"),
    [
        pytest.param({}, {}, [CURRENT, NEXT], [], [CURRENT, NEXT], {}, id="first time"),
        pytest.param(
            {CURRENT: "a", NEXT: "b"}, {}, [], [], [CURRENT, NEXT], {}, id="nothing to do"
        ),
        pytest.param(
            {CURRENT: "b", PREVIOUS: "a"},
            {"a": ago(60)},
            [NEXT],
            [],
            [CURRENT, NEXT, PREVIOUS],
            {"a": ago(60)},
            id="after a roll",
        ),
        pytest.param(
            {CURRENT: "b", NEXT: "c", PREVIOUS: "a"},
            {"a": ago(HOLD - 1)},
            [],
            [],
            [CURRENT, NEXT, PREVIOUS],
            {"a": ago(HOLD - 1)},
            id="held",
        ),
        pytest.param(
            {CURRENT: "b", NEXT: "c", PREVIOUS: "a"},
            {"a": ago(HOLD)},
            [],
            [PREVIOUS],
            [CURRENT, NEXT],
            {},
            id="held long enough",
        ),
        pytest.param(
            {CURRENT: "b", NEXT: "c", PREVIOUS: "a"},
            {},
            [],
            [],
            [CURRENT, NEXT, PREVIOUS],
            {"a": NOW.isoformat()},
            id="a memory that was lost",
        ),
        pytest.param(
            {CURRENT: "b", PREVIOUS: "a"},
            {"a": "1970-01-01T00:00:00+00:00"},
            [NEXT],
            [PREVIOUS],
            [CURRENT, NEXT],
            {},
            id="compromised",
        ),
        pytest.param(
            {CURRENT: "a", NEXT: "b", PREVIOUS: "a"},
            {"a": ago(5)},
            [],
            [PREVIOUS],
            [CURRENT, NEXT],
            {},
            id="the copy of a roll that was killed",
        ),
        pytest.param(
            {NEXT: "b"}, {}, [CURRENT], [], [CURRENT, NEXT], {}, id="a current key that was lost"
        ),
        pytest.param(
            {CURRENT: "a", NEXT: "b", **RSA},
            {},
            [],
            [(R, "next")],
            [CURRENT, NEXT, (R, "current")],
            {"r1": NOW.isoformat()},
            id="an algorithm taken off",
        ),
        pytest.param(
            {CURRENT: "a", NEXT: "b", (R, "current"): "r1"},
            {"r1": ago(HOLD)},
            [],
            [(R, "current")],
            [CURRENT, NEXT],
            {},
            id="an algorithm taken off long ago",
        ),
    ],
)
def test_the_plan_for_a_ring_of_generated_keys(
    present: dict[Slot, str],
    retired: dict[str, str],
    make: list[Slot],
    drop: list[Slot],
    publish: list[Slot],
    remembered: dict[str, str],
) -> None:
    todo = plan(present, [E], retired, HOLD, NOW)
    assert (todo.make, todo.drop, todo.publish) == (make, drop, publish)
    assert todo.retired == remembered


def test_an_algorithm_put_back_in_time_has_its_key_still() -> None:
    present = {CURRENT: "a", NEXT: "b", (R, "current"): "r1"}
    todo = plan(present, [E, R], {"r1": ago(60)}, HOLD, NOW)
    assert (todo.make, todo.drop, todo.retired) == ([(R, "next")], [], {})
    assert todo.publish == [CURRENT, NEXT, (R, "current"), (R, "next")]


@pytest.mark.parametrize(
    ("present", "make", "drop", "publish"),
    [
        pytest.param({}, [CURRENT], [], [CURRENT], id="first of all"),
        pytest.param({CURRENT: "x"}, [], [], [CURRENT], id="in use"),
        pytest.param({CURRENT: "a"}, [NEXT], [], [CURRENT, NEXT], id="another one"),
        pytest.param({CURRENT: "a", NEXT: "x"}, [], [], [CURRENT, NEXT], id="that waits"),
        pytest.param(
            {CURRENT: "a", NEXT: "b"}, [NEXT], [], [CURRENT, NEXT], id="changed while it waits"
        ),
        pytest.param({CURRENT: "x", NEXT: "b"}, [], [NEXT], [CURRENT], id="changed and reverted"),
        pytest.param(
            {CURRENT: "x", PREVIOUS: "a"}, [], [], [CURRENT, PREVIOUS], id="just put in service"
        ),
    ],
)
def test_the_plan_for_a_ring_of_provided_keys(
    present: dict[Slot, str], make: list[Slot], drop: list[Slot], publish: list[Slot]
) -> None:
    todo = plan(present, [E], {"a": ago(60)}, HOLD, NOW, {E: "x"})
    assert (todo.make, todo.drop, todo.publish) == (make, drop, publish)
