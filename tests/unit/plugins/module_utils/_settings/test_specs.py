# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A setting is checked by its documentation, and by rules for what that cannot express."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    SERVICES,
    STATES,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim import life
from ansible_collections.pillarbox.mail.plugins.module_utils._settings import routes, tls
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import RULES
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Named,
    Range,
    Rule,
    checks_of,
    entry_point_of,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    not_empty,
)

from ....settings import SETTINGS, SPECS

LIST = {"type": "list", "elements": "int", "choices": [1, 2]}


@pytest.mark.parametrize(
    ("option", "value", "problems"),
    [
        ({"type": "str"}, "x", []),
        ({"type": "str"}, 7, [("x", "must be a string; put it in quotes")]),
        ({"type": "str", "choices": ["a", "b"]}, "b", []),
        (
            {"type": "str", "choices": ["a", "b"]},
            "c",
            [("x", "must be one of a, b, not 'c'")],
        ),
        ({"type": "int"}, 7, []),
        ({"type": "int"}, "7", [("x", "must be a whole number, not '7'")]),
        ({"type": "int"}, True, [("x", "must be a whole number, not True")]),
        ({"type": "bool"}, False, []),
        ({"type": "bool"}, "no", [("x", "must be true or false, not 'no'")]),
        ({"type": "dict"}, {"a": 1}, []),
        ({"type": "dict"}, "a=1", [("x", "must be a dictionary; write {} for an empty one")]),
        (LIST, [2, 1], []),
        (LIST, 2, [("x", "must be a list")]),
        (LIST, [3], [("x[0]", "must be one of 1, 2, not 3")]),
        (LIST, [None], [("x[0]", "must be one of 1, 2, not None")]),
        # Without a default, null is how a play says that there is none.
        ({"type": "str"}, None, []),
        (
            {"type": "dict", "default": {}},
            None,
            [("x", "must be a dictionary; write {} for an empty one")],
        ),
        ({"type": "str", "required": True}, None, [("x", "must be a string; put it in quotes")]),
    ],
)
def test_an_option_is_checked_by_its_documentation(
    option: dict[str, Any], value: object, problems: list[tuple[str, str]]
) -> None:
    assert problems_of(option, value, {}) == problems


def problems_of(
    option: dict[str, Any], value: object, rules: dict[str, Rule], **entry_points: Any
) -> list[tuple[str, str]]:
    specs = {"mail": {"main": {"options": {"x": option}}, **entry_points}}
    return list(checks_of(specs, rules)["x"]("x", value))


@pytest.mark.parametrize(
    ("rule", "value", "problems"),
    [
        (Range(1, 2), [3], [("x[0]", "must be a whole number from 1 to 2, not 3")]),
        (Also(not_empty), [], [("x", "is empty; remove it to use the default")]),
        (Also(not_empty), 7, [("x", "must be a list")]),
        (not_empty, 7, []),
    ],
)
def test_a_rule_adds_to_the_documentation(
    rule: Rule, value: object, problems: list[tuple[str, str]]
) -> None:
    option = {"type": "list", "elements": "int", "default": []}
    assert problems_of(option, value, {"x": rule}) == problems


ENTRY = {
    "level": {"type": "str", "choices": ["may", "dane"], "required": True},
    "names": {"type": "list", "elements": "str", "choices": ["a"], "required": True},
    "port": {"type": "int"},
}
BY_NAME = {"type": "dict", "default": {}}


@pytest.mark.parametrize(
    ("entry", "problems"),
    [
        ({"level": "may", "names": ["a"], "port": 25}, []),
        ("dane", []),
        ("dan", [("x.a", "must be one of may, dane, not 'dan'")]),
        ({"lvel": "may"}, [("x.a.lvel", "is unknown; did you mean level?")]),
        ({"names": ["a"]}, [("x.a.level", "is missing; set it to one of may, dane")]),
        ({"level": "may"}, [("x.a.names", "is missing; list any of a")]),
        (
            {"level": "may", "names": ["a"], "port": None},
            [("x.a.port", "must be a whole number, not None")],
        ),
    ],
)
def test_an_entry_by_name_is_checked_by_the_entry_point_of_its_setting(
    entry: object, problems: list[tuple[str, str]]
) -> None:
    rules: dict[str, Rule] = {"x": Named("name", str, short="level", entry="mail_x")}
    assert problems_of(BY_NAME, {"a": entry}, rules, mail_x={"options": ENTRY}) == problems


def option_at(path: str) -> dict[str, Any]:
    """The documentation of a setting or of a key below it."""
    setting, *keys = path.split(".")
    role = next(role for role in SETTINGS if setting in SETTINGS[role])
    option = SETTINGS[role][setting]
    place = setting
    for key in keys:
        rule = RULES.get(place)
        if isinstance(rule, Named):
            option = SPECS[role][entry_point_of(place, rule)]
        option = option["options"][key]
        place = f"{place}.{key}"
    return dict(option)


@pytest.mark.parametrize("path", RULES)
def test_a_rule_is_for_a_documented_setting(path: str) -> None:
    option = option_at(path)
    if isinstance(RULES[path], Range):
        assert "int" in (option["type"], option.get("elements"))


def test_an_entry_point_is_the_way_into_a_role_or_documents_entries_by_name() -> None:
    described = {
        entry_point_of(path, rule) for path, rule in RULES.items() if isinstance(rule, Named)
    }
    entries = {entry for entry_points in SPECS.values() for entry in entry_points}
    assert entries - described == {"main", "accounts"}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("mail_users.services", SERVICES),
        ("mail_users.app_passwords.services", SERVICES),
        ("mail_users.state", STATES),
        ("mail_tls_policy.level", routes.LEVELS),
        ("mail_tls_algorithms", tls.ALGORITHMS),
        ("mail_dkim_selectors.type", life.TYPES),
        ("mail_dkim_selectors.state", life.STATES),
    ],
)
def test_the_documented_choices_are_those_that_the_code_knows(path: str, known: Any) -> None:
    assert option_at(path)["choices"] == list(known)
