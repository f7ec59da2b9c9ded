# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks of settings are made of.

This module util is PRIVATE to the collection.

A check is a function of where a value stands and the value. It yields problems: pairs of where and
a predicate that says what is wrong and what would be right.
"""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError

Problem = tuple[str, str]
Check = Callable[[str, Any], Iterator[Problem]]


class Unresolved:
    """Stands for a value that could not be evaluated, and says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def unresolved(where: str, value: Any) -> Iterator[Problem]:
    """The check that a value and all in it could be evaluated."""
    if isinstance(value, Unresolved):
        yield where, value.reason
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unresolved(member(where, key), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unresolved(member(where, number), item)


def member(where: str, key: object) -> str:
    """Return how Jinja writes a member of a setting: mail_users['alice@example.org'].password."""
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}" if where else key
    return f"{where}[{key!r}]"


def did_you_mean(key: object, known: Iterable[str]) -> str:
    """Advise on a name that is not among those known."""
    close = difflib.get_close_matches(str(key), known, 1)
    return f"did you mean {close[0]}?" if close else f"possible are {', '.join(known)}"


# Checks of single values, or functions that make one.


def string(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield where, "must be a string; put it in quotes"


def boolean(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield where, f"must be true or false, not {value!r}"


def whole_number(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield where, f"must be a whole number, not {value!r}"


def base64_text(where: str, value: Any) -> Iterator[Problem]:
    try:
        valid = bool(base64.b64decode(value, validate=True))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        yield where, "is not base64; take the secret as tsig-keygen printed it"


def integer(low: int, high: int) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            yield where, f"must be a whole number from {low} to {high}, not {value!r}"

    return check


def one_of(*allowed: object) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if isinstance(value, bool) or value not in allowed:
            yield where, f"must be one of {', '.join(map(str, allowed))}, not {value!r}"

    return check


def parsed_by(parse: Callable[[str], object]) -> Check:
    """Make a check of a function that raises NamesError."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield from string(where, value)
            return
        try:
            parse(value)
        except NamesError as error:
            yield where, str(error)

    return check


def empty_or(check: Check) -> Check:
    """Make a check that also takes an empty string, by which a setting is switched off."""

    def optional(where: str, value: Any) -> Iterator[Problem]:
        if value != "":
            yield from check(where, value)

    return optional


def well_formed(value: object, parse: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """Yield what is in a dictionary by the normal form of its keys, but what has none."""
    for key, item in value.items() if isinstance(value, Mapping) else ():
        try:
            yield parse(key), item
        except (NamesError, AttributeError):
            continue


# Functions that make a check of a list or a dictionary.


def list_of(element: Check) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield where, "must be a list"
            return
        seen = set()
        for number, item in enumerate(value):
            yield from element(member(where, number), item)
            # A set, as a list may have thousands of addresses.
            known = item if isinstance(item, str) else repr(item)
            if known in seen:
                yield member(where, number), f"repeats {item!r}; keep one"
            seen.add(known)

    return check


def some_of(element: Check) -> Check:
    """Like list_of, but not empty."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if value == []:
            yield where, "is empty; leave the setting out to have its default"
        yield from list_of(element)(where, value)

    return check


def dictionary(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield where, "must be a dictionary ({} for an empty one)"


def fields(checks: Mapping[str, Check], hints: Mapping[str, str] | None = None) -> Check:
    """Make a check of a dictionary with these keys. A hint says why some other key is not there."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            keys = ", ".join(checks)
            yield where, f"must be a dictionary with some of the keys {keys} ({{}} for none)"
            return
        for key, item in value.items():
            if key in checks:
                yield from checks[key](member(where, key), item)
            else:
                hint = (hints or {}).get(key) or f"is unknown; {did_you_mean(key, checks)}"
                yield member(where, key), hint

    return check


def keyed_by(what: str, parse: Callable[[str], object], item_check: Check) -> Check:
    """Make a check of a dictionary keyed by names, for which parse raises NamesError."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield where, f"must be a dictionary keyed by {what}"
            return
        for key, item in value.items():
            here = member(where, key)
            if isinstance(key, str):
                yield from parsed_by(parse)(here, key)
            else:
                yield here, f"has a key that is no string; put the {what} in quotes"
            yield from item_check(here, item)

    return check


def documented(option: Mapping[str, Any]) -> Check:
    """Make a check of an option as a role's argument_specs.yml documents it."""
    if option["type"] == "list":
        # Choices are those of the elements.
        check = list_of(documented({**option, "type": option["elements"], "required": True}))
    elif "choices" in option:
        check = one_of(*option["choices"])
    else:
        check = _TYPES[option["type"]]

    def optional(where: str, value: Any) -> Iterator[Problem]:
        # Without a default, null is how a play says that there is none.
        if value is not None or option.get("required") or "default" in option:
            yield from check(where, value)

    return optional


_TYPES = {"str": string, "int": whole_number, "bool": boolean, "dict": dictionary}
