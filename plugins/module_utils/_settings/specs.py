# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of settings, made from the roles' argument_specs.yml.

This module util is PRIVATE to the collection.

Types, choices, keys and what is required come from the specs. A rule adds what these cannot
express, at the path of a setting or of a key below it, such as mail_users.quota.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    boolean,
    dictionary,
    fields,
    integer,
    keyed_by,
    list_of,
    number,
    one_of,
    string,
    whole_number,
)

_TYPES: dict[str, Check] = {
    "str": string,
    "int": whole_number,
    "float": number,
    "bool": boolean,
    "dict": dictionary,
}

# The entry points of each role, by role, as argument_specs.yml has them.
Specs = Mapping[str, Mapping[str, Any]]
Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Range:
    """The limits of a whole number, or of each in a list."""

    low: int
    high: int


@dataclass(frozen=True)
class Also:
    """A check beside that of the spec; of a dictionary only if it has no unknown keys.

    Args:
        check: the check.
        hints: for a dictionary, what to say of certain unknown keys.
    """

    check: Check
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Named:
    """A dictionary keyed by name, each entry of which has the keys that an entry point documents.

    Args:
        what: what the names are.
        parse: raises NamesError for a name that is malformed.
        also: a check of each entry without unknown keys.
        whole: a check of the whole dictionary.
        short: the key whose value can be written in place of a whole entry.
        required: how to correct that a key is missing, where the choices do not tell.
        entry: the entry point, by default the one that is named after the setting.
    """

    what: str
    parse: Callable[[str], object]
    also: Check | None = None
    whole: Check | None = None
    short: str = ""
    required: Mapping[str, str] = field(default_factory=dict)
    entry: str = ""


# A check is in the place of that of the spec.
Rule: TypeAlias = "Check | Range | Also | Named"
Rules = Mapping[str, Rule]


def settings_of(role: str, entry_points: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the settings of a role. Entry points named after a setting document its entries."""
    return {
        name: option
        for entry, content in entry_points.items()
        if not entry.startswith(f"{role}_")
        for name, option in content["options"].items()
    }


def checks_of(specs: Specs, rules: Rules) -> dict[str, Check]:
    """Return the check of each setting of all roles."""
    return {
        name: _or_null(_Builder(entry_points, rules).check(name, option), option)
        for role, entry_points in specs.items()
        for name, option in settings_of(role, entry_points).items()
    }


def entry_point_of(path: str, rule: Named) -> str:
    """Return the entry point that documents the entries of a dictionary."""
    return rule.entry or path.replace(".", "_")


def _or_null(check: Check, option: Mapping[str, Any]) -> Check:
    """Accept null for a setting without a default, as this is how a play leaves it out."""
    if option.get("required") or "default" in option:
        return check

    def optional(where: str, value: Any) -> Iterator[Problem]:
        if value is not None:
            yield from check(where, value)

    return optional


class _Builder:
    def __init__(self, entry_points: Mapping[str, Any], rules: Rules) -> None:
        self._entry_points = entry_points
        self._rules = rules

    def check(self, path: str, option: Mapping[str, Any]) -> Check:
        rule = self._rules.get(path)
        if isinstance(rule, Named):
            return self._named(path, rule)
        if "options" in option:
            also, hints = (rule.check, rule.hints) if isinstance(rule, Also) else (None, {})
            return self._fields(path, option["options"], {}, hints, also)
        if rule is None or isinstance(rule, (Range, Also)):
            limits = rule if isinstance(rule, Range) else None
            check = _of_type(option, limits)
            return _both(check, rule.check) if isinstance(rule, Also) else check
        return rule

    def _named(self, path: str, rule: Named) -> Check:
        options = self._entry_points[entry_point_of(path, rule)]["options"]
        entry = self._fields(path, options, rule.required, {}, rule.also)
        if rule.short:
            entry = _short(self.check(f"{path}.{rule.short}", options[rule.short]), entry)
        check = keyed_by(rule.what, rule.parse, entry)
        return _both(check, rule.whole) if rule.whole else check

    def _fields(
        self,
        path: str,
        options: Options,
        remedies: Mapping[str, str],
        hints: Mapping[str, str],
        also: Check | None,
    ) -> Check:
        checks = {key: self.check(f"{path}.{key}", option) for key, option in options.items()}
        required = {
            key: remedies.get(key) or _remedy(option)
            for key, option in options.items()
            if option.get("required")
        }
        return fields(checks, required, hints, also)


def _of_type(option: Mapping[str, Any], limits: Range | None) -> Check:
    kind = option["type"]
    if kind == "list":
        # Choices are those of the elements.
        return list_of(_of_type({**option, "type": option["elements"]}, limits))
    if "choices" in option:
        return one_of(*option["choices"])
    return integer(limits.low, limits.high) if limits else _TYPES[kind]


def _remedy(option: Mapping[str, Any]) -> str:
    choices = ", ".join(map(str, option.get("choices", ())))
    if option["type"] == "list":
        return f"list any of {choices}"
    return f"set it to one of {choices}" if choices else "it has no default"


def _both(first: Check, second: Check) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        yield from first(where, value)
        yield from second(where, value)

    return check


def _short(value_check: Check, entry_check: Check) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        yield from (entry_check if isinstance(value, Mapping) else value_check)(where, value)

    return check
