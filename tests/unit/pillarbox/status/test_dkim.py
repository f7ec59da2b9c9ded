# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about DKIM keys, given their ledger."""

from __future__ import annotations

from typing import Any

from pillarbox.status.dkim import DAY, findings, read
from pillarbox.status.finding import ATTENTION, OK

SINCE = "2026-11-20T09:32:42Z"
THEN = 1795167162
CONFIG = {"keep_days": 14, "revoked_days": 30, "max_age_days": 0}


def ledger(**states: str) -> dict[str, dict[str, Any]]:
    """A domain's keys by their states."""
    return {
        "example.org": {
            selector: {"type": "rsa", "state": state, "since": SINCE}
            for selector, state in states.items()
        }
    }


def told(
    now: float, keys: dict[str, dict[str, Any]], *held: str, **config: int
) -> list[tuple[str, str, str]]:
    found = findings(read(keys, list(held)), {**CONFIG, **config}, now)
    return [(it.state, it.subject, it.text) for it in found]


def test_the_keys_of_all_domains_are_counted() -> None:
    keys = {**ledger(r1="active", e1="active"), "example.net": ledger(r1="active")["example.org"]}
    assert told(THEN, keys) == [(OK, "", "2 domains, keys: 3 active")]


def test_it_says_what_site_yml_does_next() -> None:
    keys = ledger(r1="retired", r2="active", r0="revoked")
    text = "1 domain, keys: 1 retired, 1 active, 1 revoked; site.yml "
    assert told(THEN, keys) == [(OK, "", text + "revokes r1 of example.org from 2026-12-04 on")]
    # Nothing breaks until the next run.
    assert told(THEN + 20 * DAY, keys) == [(OK, "", text + "revokes r1 of example.org now")]


def test_a_domain_without_a_key_that_signs_needs_attention() -> None:
    (state, subject, text), _sum = told(THEN, ledger(r1="future"))
    assert (state, subject, text) == (
        ATTENTION,
        "example.org",
        "mail is not signed, because no key is active",
    )


def test_a_new_key_that_is_not_published_for_a_day_needs_attention() -> None:
    keys = ledger(r1="active", r2="future", e2="future")
    assert len(told(THEN + DAY / 2, keys)) == 1
    (state, subject, text), _sum = told(THEN + 3 * DAY, keys)
    assert (state, subject) == (ATTENTION, "r2 of example.org")
    assert text.startswith("not all name servers have its record since 2026-11-20 ")
    assert text.endswith("(3 days); the same for 1 other key")


def test_a_key_that_is_too_old_needs_attention() -> None:
    keys = ledger(r1="active")
    assert told(THEN + 99 * DAY, keys, max_age_days=100)[0][2].endswith(
        "site.yml replaces r1 of example.org from 2027-02-28 on"
    )
    assert told(THEN + 102 * DAY, keys, max_age_days=100)[0][:2] == (
        ATTENTION,
        "r1 of example.org",
    )


def test_what_the_settings_hold_in_a_state_is_due_for_nothing() -> None:
    keys = ledger(r1="active", r2="future", r0="retired")
    names = [f"{selector}._domainkey.example.org" for selector in ("r0", "r1", "r2")]
    assert told(THEN + 400 * DAY, keys, *names, max_age_days=100) == [
        (OK, "", "1 domain, keys: 1 active, 1 future, 1 retired")
    ]
