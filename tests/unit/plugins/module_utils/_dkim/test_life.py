# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.ledger import (
    LedgerError,
    as_dict,
    dump,
    from_dict,
    parse,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.life import (
    DkimLifeError,
    Key,
    Policy,
    declared_selectors,
    outlook,
    prepare,
    switch,
    waiting,
)

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
POLICY = Policy(keep=timedelta(days=14), revoked=timedelta(days=30))
YEARLY = Policy(POLICY.keep, POLICY.revoked, max_age=timedelta(days=365))
DOMAIN = "example.org"
TYPES = {"r": "rsa", "e": "ed25519"}
BOTH: dict[str, Any] = {"r1": {"type": "rsa"}, "e1": {"type": "ed25519"}}
EVERYWHERE = {f"{name}._domainkey.{DOMAIN}" for name in ("r1", "e1", "r2", "e2", "r3", "e3")}


def keys(*lives: str, line: str | None = None) -> list[Key]:
    """Return keys, each given as "r1 retired 14": for 14 days. Those of a letter are one line."""
    found = []
    for life in lives:
        selector, state, days, *more = [*life.split(), "0"][:4]
        since = NOW - timedelta(days=float(days))
        root = line or selector[0] + "1"
        stolen = "stolen" in more
        kind = TYPES[selector[0]]
        found.append(Key(DOMAIN, selector, kind, state, since, root, compromised=stolen))
    return found


def lives(found: Iterable[Key]) -> list[str]:
    return [f"{key.selector} {key.state}" for key in found]


def prepared(before: list[Key], selectors: Any = None, **options: Any) -> list[Key]:
    declared = {DOMAIN: BOTH if selectors is None else selectors}
    return prepare(before, declared, NOW, options.pop("policy", POLICY), **options)


def run(before: list[Key], selectors: Any = None, served: Any = EVERYWHERE, **options: Any) -> Any:
    """Return the keys after a whole run."""
    return switch(prepared(before, selectors, **options), served, NOW)


def test_the_first_keys_are_future_until_their_records_are_served() -> None:
    first = prepared([])
    assert lives(first) == ["r1 future", "e1 future"]
    assert lives(switch(first, [], NOW)) == ["r1 future", "e1 future"]
    assert lives(switch(first, EVERYWHERE, NOW)) == ["r1 active", "e1 active"]


def test_a_rotation_replaces_the_keys_of_all_algorithms() -> None:
    before = keys("r1 active 100", "e1 active 100")
    begun = prepared(before, rotate=[DOMAIN])
    assert lives(begun) == ["r1 active", "e1 active", "r2 future", "e2 future"]
    after = switch(begun, EVERYWHERE, NOW)
    assert lives(after) == ["r1 retired", "e1 retired", "r2 active", "e2 active"]
    assert {key.since for key in after} == {NOW}
    assert {key.selector: key.line for key in after}["r2"] == "r1"


@pytest.mark.parametrize("served", [[], ["r2._domainkey.example.org"]])
def test_until_all_new_records_are_served_the_old_keys_sign(served: list[str]) -> None:
    begun = prepared(keys("r1 active 100", "e1 active 100"), rotate=[DOMAIN])
    for _run in range(3):  # also after repeated attempts
        begun = run(begun, served=served, rotate=[DOMAIN])
        assert lives(begun) == ["r1 active", "e1 active", "r2 future", "e2 future"]
    assert lives(run(begun)) == ["r1 retired", "e1 retired", "r2 active", "e2 active"]


def test_domains_switch_each_when_its_own_records_are_served() -> None:
    declared = {DOMAIN: BOTH, "example.net": BOTH}
    found = switch(prepare([], declared, NOW, POLICY), EVERYWHERE, NOW)
    assert [(key.domain, key.state) for key in found if key.type == "rsa"] == [
        (DOMAIN, "active"),
        ("example.net", "future"),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("r1 retired 13.9", "r1 retired"),
        ("r1 retired 14", "r1 revoked"),
        # Each state lasts its full time, however late the run.
        ("r1 retired 400", "r1 revoked"),
        ("r1 retired -1", "r1 retired"),
        ("r1 revoked 29.9", "r1 revoked"),
        ("r1 revoked 30", "r1 gone"),
        ("r1 retired 1 stolen", "r1 revoked"),
        ("r2 active 4000", "r2 active"),
    ],
)
def test_keys_that_do_not_sign_advance_when_they_are_due(before: str, after: str) -> None:
    others = keys("r3 active", "e1 active")
    moved = prepared([*keys(before), *others])
    assert lives(moved)[0] == after
    assert lives(prepared(moved)) == lives(moved), "a second time, too"
    left = [] if after.endswith("gone") else [after]
    if before.startswith("r1"):
        assert lives(switch(moved, [], NOW)) == [*left, "r3 active", "e1 active"]


def test_the_name_of_a_key_that_is_gone_does_not_come_back() -> None:
    declared = keys("r5 active 10", "e3 active 10")
    assert run(declared) == declared
    assert lives(prepared(declared, rotate=[DOMAIN]))[2:] == ["r6 future", "e4 future"]


@pytest.mark.parametrize(
    ("selector", "next_one"),
    [("r1", "r2"), ("r9", "r10"), ("k01", "k02"), ("mail", "mail2"), ("2026.a", "2026.a2")],
)
def test_a_new_name_is_made_of_the_old_one(selector: str, next_one: str) -> None:
    declared = {selector: {"type": "rsa"}}
    before = [Key(DOMAIN, selector, "rsa", "active", NOW, selector)]
    assert lives(prepared(before, declared, rotate=[DOMAIN]))[1] == f"{next_one} future"


def test_a_name_that_the_settings_have_is_not_taken() -> None:
    both = {"r1": {"type": "rsa"}, "r2": {"type": "rsa"}}
    begun = prepared(keys("r1 active 9"), both, rotate=[DOMAIN])
    assert lives(begun) == ["r1 active", "r2 future", "r3 future"]


def test_keys_of_a_certain_age_are_replaced_once_a_period() -> None:
    before = keys("r1 active 364", "e1 active 364")
    assert run(before, policy=YEARLY) == prepared(before)
    old = keys("r1 active 365", "e1 active 100")
    after = run(old, policy=YEARLY)
    assert lives(after) == ["r1 retired", "e1 retired", "r2 active", "e2 active"]
    assert run(after, policy=YEARLY) == after
    assert lives(run(old)) == ["r1 active", "e1 active"], "never by default"


def test_stolen_keys_are_revoked_as_soon_as_others_sign() -> None:
    before = keys("r1 retired 3", "r2 active 9", "e1 active 9")
    begun = prepared(before, rotate=[DOMAIN], compromised=True)
    assert lives(begun) == ["r1 revoked", "r2 active", "e1 active", "r3 future", "e2 future"]
    # An ordinary run continues from here, and knows that the key is compromised.
    resumed = run(parse(dump(begun)))
    assert sorted(lives(resumed)) == [
        "e1 revoked",
        "e2 active",
        "r1 revoked",
        "r2 revoked",
        "r3 active",
    ]


def test_a_stolen_key_that_waits_for_its_record_is_never_used() -> None:
    begun = prepared(keys("r1 active 9", "e1 active 9"), rotate=[DOMAIN])
    after = run(begun, rotate=[DOMAIN], compromised=True)
    assert lives(after) == [
        *("r1 revoked", "e1 revoked", "r2 revoked", "e2 revoked"),
        *("r3 active", "e3 active"),
    ]


@pytest.mark.parametrize(
    ("before", "pin", "after"),
    [
        ("r1 active", "future", "future"),
        ("r1 active", "retired", "retired"),
        ("r1 active", "revoked", "revoked"),
        ("r1 retired 99", "retired", "retired"),
        ("r1 retired", "active", "active"),
        ("r1 revoked", "active", "active"),
        ("r1 revoked", "gone", None),
        (None, "future", "future"),
        (None, "active", "active"),
        (None, "gone", None),
    ],
)
def test_the_settings_fix_the_state_of_a_key(
    before: str | None, pin: str, after: str | None
) -> None:
    selectors = {"r1": {"type": "rsa", "state": pin}, "r9": {"type": "rsa"}}
    own = [*keys(*[before] if before else []), *keys("r9 active", line="r9")]
    held = run(own, selectors, served=[], policy=YEARLY)
    assert {key.selector: key.state for key in held}.get("r1") == after
    assert run(held, selectors, served=[]) == held


def test_a_key_fixed_as_active_signs_only_after_its_record_was_published() -> None:
    held = {"r1": {"type": "rsa", "state": "active"}}
    assert lives(prepared([], held)) == ["r1 future"]
    assert lives(prepared(keys("r1 revoked"), held)) == ["r1 future"]
    assert waiting(prepared([], held)) == []


def test_no_run_leaves_a_domain_without_an_rsa_key_that_signs() -> None:
    selectors = {"r1": {"type": "rsa", "state": "revoked"}, "r2": {"type": "rsa"}}
    before = keys("r1 active 3")
    held = run(before, selectors, served=[])
    assert lives(held) == ["r1 active", "r2 future"]
    assert lives(run(held, selectors)) == ["r1 revoked", "r2 active"]


def test_selectors_that_the_settings_replace_retire_when_the_new_ones_sign() -> None:
    new = {"s1": {"type": "rsa"}, "e1": {"type": "ed25519"}}
    before = keys("r1 active 9", "e1 active 9")
    assert lives(run(before, new, served=[])) == ["r1 active", "e1 active", "s1 future"]
    served = ["s1._domainkey.example.org"]
    assert lives(run(before, new, served)) == ["r1 retired", "e1 active", "s1 active"]


def test_selectors_are_published_ahead_and_used_later() -> None:
    old = {"r1": {"type": "rsa"}}
    ahead = run(keys("r1 active 9"), {**old, "s1": {"type": "rsa", "state": "future"}})
    assert lives(ahead) == ["r1 active", "s1 future"]
    served = ["s1._domainkey.example.org"]
    assert lives(run(ahead, {"s1": {"type": "rsa"}}, served)) == ["r1 retired", "s1 active"]


def test_a_rotation_is_taken_back_by_the_settings() -> None:
    rotated = run(keys("r1 active", "e1 active"), rotate=[DOMAIN])
    states = {"1": "active", "2": "retired"}
    back = {
        f"{letter}{number}": {"type": kind, "state": states[number]}
        for letter, kind in TYPES.items()
        for number in states
    }
    assert lives(run(rotated, back)) == ["r1 active", "e1 active", "r2 retired", "e2 retired"]


def test_settings_that_catch_up_with_a_rotation_change_nothing() -> None:
    rotated = run(keys("r1 active", "e1 active"), rotate=[DOMAIN])
    caught_up = {"r2": {"type": "rsa"}, "e2": {"type": "ed25519"}}
    after = run(rotated, caught_up)
    assert lives(after) == lives(rotated)
    assert lives(prepared(after, caught_up, rotate=[DOMAIN]))[-2:] == ["r3 future", "e3 future"]


def test_a_new_key_that_is_no_longer_wanted_is_revoked_as_it_may_be_published() -> None:
    before = [*keys("r1 active"), *keys("e1 future")]
    assert lives(run(before, {"r1": {"type": "rsa"}})) == ["r1 active", "e1 revoked"]


def test_domains_without_mail_keep_their_keys_as_they_are() -> None:
    before = keys("r1 active 500", "r0 retired 500")
    assert switch(prepare(before, {}, NOW, YEARLY), [], NOW) == before


@pytest.mark.parametrize(
    ("selectors", "options", "message"),
    [
        ({"r1": {"type": "ed25519"}}, {}, "r1 of example.org as ed25519, but key r1 is rsa"),
        ({"r1": {"type": "rsa", "state": "gone"}}, {}, "cannot be gone, since it is active"),
        (
            {"r1": {"type": "rsa", "state": "active"}},
            {"rotate": [DOMAIN]},
            "the settings fix the state of each",
        ),
        (BOTH, {"rotate": ["example.com"]}, "example.com cannot .* not a domain of this server"),
    ],
)
def test_impossible_changes_are_refused(selectors: Any, options: Any, message: str) -> None:
    with pytest.raises(DkimLifeError, match=message):
        prepared(keys("r1 active"), selectors, **options)


def test_a_domain_may_have_selectors_of_its_own_and_a_parked_one_has_none() -> None:
    own = {"s1": {"type": "rsa"}}
    domains: dict[str, Any] = {
        DOMAIN: {},
        "example.net": {"dkim_selectors": own},
        "a.example": {"parked": True},
    }
    assert declared_selectors(domains, BOTH) == {DOMAIN: BOTH, "example.net": own}
    with pytest.raises(DkimLifeError, match="selector r1 of example.org .* needs a type"):
        declared_selectors({DOMAIN: {}}, {"r1": {"type": "dsa"}})


@pytest.mark.parametrize(
    ("life", "text"),
    [
        ("r2 future", "signs once every name server serves its record"),
        ("r2 active", "replaced from 2027-11-20 on"),
        ("r1 retired 4", "is retired since 2026-11-16; revoked from 2026-11-30 on"),
        ("r1 revoked", "removed from 2026-12-20 on"),
    ],
)
def test_the_outlook_has_the_next_state_and_its_date(life: str, text: str) -> None:
    assert text in outlook(keys(life)[0], YEARLY)


def test_the_ledger_reads_back_what_it_has_written() -> None:
    before = [*keys("r1 retired 3 stolen", "r2 active 3", "e1 active"), *keys("r1 active")]
    before[-1] = from_dict({**as_dict(before[-1]), "domain": "example.net"})
    text = dump(before)
    assert '    "r2": {"type": "rsa", "state": "active", "since": "2026-11-17T10:00:00Z",' in text
    assert sorted(parse(text), key=str) == sorted(before, key=str)
    assert dump(parse(text)) == text
    assert dump([]) == "{}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"example.org": {"r1": {}}}',
        '{"example.org": {"r1": {"type": "rsa", "state": "old", "since": "2026-11-17T10:00:00Z"}}}',
        '{"example.org": {"r1": {"type": "rsa", "state": "active", "since": "2026-11-17"}}}',
    ],
)
def test_a_file_that_is_not_a_ledger_is_refused(text: str) -> None:
    with pytest.raises(LedgerError, match="is not a ledger of DKIM keys"):
        parse(text)
