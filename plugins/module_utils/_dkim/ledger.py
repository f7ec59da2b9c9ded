# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail host's record of its DKIM keys and their states, as human-readable JSON. Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.life import STATES, Key
from ansible_collections.pillarbox.mail.plugins.module_utils._times import parse_time, time_text


class LedgerError(Exception):
    """A ledger cannot be read; the text continues a sentence about the file ("is …")."""


def parse(text: str) -> list[Key]:
    """Return the keys of a ledger. Raises LedgerError."""
    try:
        return [
            _key(domain, selector, entry)
            for domain, entries in json.loads(text).items()
            for selector, entry in entries.items()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LedgerError(
            f"is not a ledger of DKIM keys ({type(error).__name__}: {error})"
        ) from error


def dump(keys: Iterable[Key]) -> str:
    """Return the ledger of these keys: one line for each, sorted by domain."""
    domains: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: (key.domain, key.selector)):
        entry = {"type": key.type, "state": key.state, "since": time_text(key.since)}
        if key.line != key.selector:
            entry["line"] = key.line
        line = json.dumps({**entry, **({"compromised": True} if key.compromised else {})})
        domains.setdefault(key.domain, []).append(f"    {json.dumps(key.selector)}: {line}")
    blocks = [
        f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }"
        for name, lines in domains.items()
    ]
    return "{\n" + ",\n".join(blocks) + "\n}\n" if blocks else "{}\n"


def as_dict(key: Key) -> dict[str, Any]:
    """Return a key in the format that modules and filters exchange."""
    return {**vars(key), "since": time_text(key.since), "dns_name": key.dns_name}


def from_dict(item: Mapping[str, Any]) -> Key:
    """Return the key of a dictionary from as_dict(); other entries in it are ignored."""
    fields = {name: item[name] for name in Key.__dataclass_fields__}
    return Key(**{**fields, "since": parse_time(item["since"])})


def _key(domain: str, selector: str, entry: Mapping[str, Any]) -> Key:
    if entry["state"] not in STATES:
        raise ValueError(f"{selector} of {domain} has the unknown state {entry['state']!r}")
    return Key(
        domain,
        selector,
        entry["type"],
        entry["state"],
        parse_time(entry["since"]),
        entry.get("line", selector),
        bool(entry.get("compromised")),
    )
