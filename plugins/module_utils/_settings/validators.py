# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that checks of settings are made of.

This module util is PRIVATE to the collection.

A check is a function of the path of a value and the value. It yields problems: pairs of a path and
the rest of the sentence, which says what is wrong and how to correct it.
"""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError

_LISTED = 20

Problem = tuple[str, str]
Check = Callable[[str, Any], Iterator[Problem]]


class Unresolved:
    """A value that could not be evaluated, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def unresolved(where: str, value: Any) -> Iterator[Problem]:
    """Check that a value and everything in it could be evaluated."""
    if isinstance(value, Unresolved):
        yield where, value.reason
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unresolved(member(where, key), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unresolved(member(where, number), item)


def member(where: str, key: object) -> str:
    """Return the path of a member as Jinja writes it: mail_users['alice@example.org'].password."""
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}" if where else key
    return f"{where}[{key!r}]"


def did_you_mean(key: object, known: Iterable[str]) -> str:
    """Advise on a name that is not among those known."""
    known = list(known)
    close = difflib.get_close_matches(str(key), known, 1)
    if close:
        return f"did you mean {close[0]}?"
    # There may be thousands of accounts.
    more = ", …" if len(known) > _LISTED else ""
    return f"expected one of {', '.join(known[:_LISTED])}{more}"


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


def number(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        yield where, f"must be a number, not {value!r}"


def base64_text(where: str, value: Any) -> Iterator[Problem]:
    try:
        valid = bool(base64.b64decode(value, validate=True))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        yield where, "is not base64; copy the secret as tsig-keygen printed it"


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
    """Make a check that also accepts an empty string, which switches a setting off."""

    def optional(where: str, value: Any) -> Iterator[Problem]:
        if value != "":
            yield from check(where, value)

    return optional


def well_formed(value: object, parse: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """Yield the items of a dictionary by the normal form of their keys, except malformed ones."""
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
                yield member(where, number), f"repeats {item!r}; remove one of them"
            seen.add(known)

    return check


def not_empty(where: str, value: Any) -> Iterator[Problem]:
    if value == []:
        yield where, "is empty; remove it to use the default"


def some_of(element: Check) -> Check:
    """Like list_of, but not empty."""
    elements = list_of(element)

    def check(where: str, value: Any) -> Iterator[Problem]:
        yield from not_empty(where, value)
        yield from elements(where, value)

    return check


def dictionary(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield where, "must be a dictionary; write {} for an empty one"


def fields(
    checks: Mapping[str, Check],
    required: Mapping[str, str] | None = None,
    hints: Mapping[str, str] | None = None,
    also: Check | None = None,
) -> Check:
    """Make a check of a dictionary with these keys.

    Args:
        checks: the check of each key's value.
        required: how to correct that a key is missing, for each key that must be there.
        hints: what to say of certain other keys.
        also: a check of the whole dictionary.
    """

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            keys = ", ".join(checks)
            yield where, f"must be a dictionary with any of the keys {keys}; write {{}} for none"
            return
        unknown = False
        for key, item in value.items():
            if key in checks:
                yield from checks[key](member(where, key), item)
            else:
                unknown = True
                hint = (hints or {}).get(key) or f"is unknown; {did_you_mean(key, checks)}"
                yield member(where, key), hint
        # A misspelt key may have been meant for the one that is missing.
        if unknown:
            return
        for key, remedy in (required or {}).items():
            if key not in value:
                yield member(where, key), f"is missing; {remedy}"
        if also:
            yield from also(where, value)

    return check


def keyed_by(what: str, parse: Callable[[str], object], item_check: Check) -> Check:
    """Make a check of a dictionary whose keys are parsed by a function that raises NamesError."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield where, f"must be a dictionary keyed by {what}"
            return
        for key, item in value.items():
            here = member(where, key)
            if isinstance(key, str):
                yield from parsed_by(parse)(here, key)
            else:
                yield here, f"is not a string; put the {what} in quotes"
            yield from item_check(here, item)

    return check
