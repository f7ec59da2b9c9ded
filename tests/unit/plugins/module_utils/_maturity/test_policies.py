# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which policies a run puts in force, by the settings and what the host has found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._maturity.policies import (
    LADDERS,
    Matured,
    matured,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import domain_records
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mail import DEFAULTS

from pillarbox.maturity import ladders
from pillarbox.maturity.state import in_force

TODAY = "2026-11-27"
NAME = "example.org"


def run(
    domain: dict[str, Any] | None,
    known: dict[str, Any] | None = None,
    maturity: bool = True,
    **settings: Any,
) -> Matured:
    defaults = {"mta_sts": {}, "web": True, "tls_source": "acme"}
    whole = {**defaults, "domains": {NAME: domain}, "maturity": maturity, **settings}
    return matured(whole, {NAME: known} if known else {}, TODAY)


def stages(found: Matured) -> dict[str, str]:
    return {ladder: policy["stage"] for ladder, policy in found.policies[NAME].items()}


def in_place(stage: str, **more: Any) -> dict[str, Any]:
    step = {"next": "", "back": False, "why": ""}
    return {"stage": stage, "since": "2026-11-01", "free": True, **step, **more}


STRICT = {"dmarc": "reject", "spf": "-all", "mta_sts": "testing"}
FIRST = {"dmarc": "none", "spf": "~all", "mta_sts": "testing"}


def test_the_controller_and_the_host_have_the_same_ladders() -> None:
    assert LADDERS == ladders.LADDERS


def test_without_the_setting_everything_stays_as_it_is() -> None:
    domain: dict[str, Any] = {"dmarc": {"rua": []}, "reports": False}
    found = run(domain, maturity=False)
    assert stages(found) == STRICT
    assert found.domains == {NAME: domain} and found.moves == []
    assert not any(policy["free"] for policy in found.policies[NAME].values())


def test_a_new_domain_begins_at_the_first_step() -> None:
    empty: list[dict[str, Any] | None] = [{}, None]
    for domain in empty:
        found = run(domain)
        assert stages(found) == FIRST
        assert found.domains[NAME] == {
            "dmarc": {"p": "none", "sp": "none", "np": "none"},
            "spf": {"all": "~all"},
            "mta_sts": {"mode": "testing"},
        }


def test_one_that_is_in_use_begins_with_what_is_in_force() -> None:
    before = run({"spf": {"all": "~all"}}, maturity=False).policies[NAME]
    after = run({}, before).policies[NAME]
    assert {ladder: policy["stage"] for ladder, policy in after.items()} == {
        **STRICT,
        "spf": "~all",
    }


def test_a_domain_has_a_setting_of_its_own() -> None:
    assert stages(run({"maturity": False})) == STRICT
    assert stages(run({"maturity": True}, maturity=False)) == FIRST


def test_what_the_settings_name_stays() -> None:
    domain = {
        "dmarc": {"p": "quarantine", "sp": "none"},
        "spf": {"all": "-all", "include": ["_spf.example.net"]},
        "mta_sts": {"mode": "enforce", "max_age": 86400},
    }
    known = {"dmarc": in_place("none", next="quarantine"), "spf": in_place("~all")}
    found = run(domain, known)
    assert found.domains == {NAME: domain} and found.moves == []
    assert stages(found) == {"dmarc": "quarantine", "spf": "-all", "mta_sts": "enforce"}
    found = run({}, mta_sts={"mode": "enforce"})
    assert stages(found)["mta_sts"] == "enforce" and "mta_sts" not in found.domains[NAME]


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({"web": False}, None),
        ({"mta_sts": {"mode": "none"}}, None),
        ({"tls_source": "self_signed"}, {"stage": "testing", "since": TODAY, "free": False}),
    ],
)
def test_mta_sts_moves_only_where_it_can_be_enforced(
    settings: dict[str, Any], policy: dict[str, Any] | None
) -> None:
    found = run({}, **settings)
    assert found.policies[NAME].get("mta_sts") == policy
    assert "mta_sts" not in found.domains[NAME]


def test_a_parked_domain_has_none() -> None:
    found = run({"parked": True})
    assert found.policies == {} and found.domains == {NAME: {"parked": True}}


def test_a_step_up_is_taken_and_told() -> None:
    known = {"dmarc": in_place("none", next="quarantine", why="all is well")}
    found = run({"dmarc": {"rua": []}}, known)
    assert found.policies[NAME]["dmarc"] == {"stage": "quarantine", "since": TODAY, "free": True}
    assert found.domains[NAME]["dmarc"] == {
        "p": "quarantine",
        "sp": "quarantine",
        "np": "quarantine",
        "rua": [],
    }
    assert found.moves == ["example.org: DMARC goes from none to quarantine: all is well"]


def test_a_step_back_is_remembered_until_the_next_one() -> None:
    known = {"spf": in_place("-all", next="~all", back=True, why="12 fail")}
    found = run({}, known)
    assert found.policies[NAME]["spf"] == {
        "stage": "~all",
        "since": TODAY,
        "free": True,
        "was": "-all",
    }
    assert found.moves == ["example.org: SPF goes back from -all to ~all: 12 fail"]
    stays = run({}, {"spf": in_place("~all", was="-all")}).policies[NAME]["spf"]
    assert stays == {"stage": "~all", "since": "2026-11-01", "free": True, "was": "-all"}
    climbs = run({}, {"spf": in_place("~all", was="-all", next="-all")}).policies[NAME]["spf"]
    assert climbs == {"stage": "-all", "since": TODAY, "free": True}


def test_a_second_run_changes_nothing_and_the_host_reads_what_is_written(tmp_path: Any) -> None:
    first = run({})
    again = matured(
        {
            "domains": {NAME: {}},
            "maturity": True,
            "mta_sts": {},
            "web": True,
            "tls_source": "acme",
        },
        json.loads(first.text),
        "2026-11-28",
    )
    assert (again.text, again.moves) == (first.text, [])
    file = tmp_path / "maturity.json"
    file.write_text(first.text)
    assert {ladder: policy.stage for ladder, policy in in_force(file)[NAME].items()} == FIRST


@pytest.mark.parametrize(
    ("stage", "value"),
    [
        ("none", "v=DMARC1; p=none; sp=none; np=none"),
        ("quarantine", "v=DMARC1; p=quarantine; sp=quarantine; np=quarantine"),
        ("reject", "v=DMARC1; p=reject; sp=reject; np=reject"),
    ],
)
def test_the_records_follow(stage: str, value: str) -> None:
    domains = run({}, {"dmarc": in_place(stage)}).domains
    settings = {**DEFAULTS, "domains": domains, "reports": ""}
    records = {item["name"]: item["values"] for item in domain_records(settings, "mx.example.org")}
    assert records[f"_dmarc.{NAME}"] == [value]
