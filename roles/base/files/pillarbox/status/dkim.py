# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DKIM keys, according to their ledger."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.status.finding import ATTENTION, OK, Finding, counted, day, since
from pillarbox.status.parts import Parts

DAY = 86400
# Seconds within which all name servers have the record of a new key.
PATIENCE = DAY


class Key(NamedTuple):
    """A key and its state."""

    domain: str
    selector: str
    state: str
    since: float
    # Whether the settings fix its state.
    held: bool


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the keys of all domains."""
    if "rspamd" not in parts:
        return []
    config = parts["rspamd"]["dkim"]
    keys = read(json.loads(Path(config["ledger"]).read_bytes()), config["held"])
    return findings(keys, config, now)


def read(ledger: dict[str, dict[str, dict[str, Any]]], held: list[str]) -> list[Key]:
    """Return the keys of a ledger; those with these record names are held in their state."""
    return [
        Key(
            domain,
            selector,
            entry["state"],
            datetime.fromisoformat(entry["since"]).timestamp(),
            f"{selector}._domainkey.{domain}" in held,
        )
        for domain, entries in ledger.items()
        for selector, entry in entries.items()
    ]


def findings(keys: list[Key], config: dict[str, Any], now: float) -> list[Finding]:
    """Report what needs a run of site.yml, and the number of keys in each state."""
    found = [*unsigned(keys), *late(keys, config, now)]
    states = Counter(key.state for key in keys)
    domains = len({key.domain for key in keys})
    text = ", ".join(f"{number:,} {state}" for state, number in states.items())
    text = f"{counted(domains, 'domain')}, keys: {text or 'none'}"
    if coming := sorted(filter(None, (move(key, config) for key in keys))):
        when, what = coming[0]
        text += f"; site.yml {what} {'now' if when <= now else f'from {day(when)} on'}"
    return [*found, Finding("dkim", "", OK, text)]


def unsigned(keys: list[Key]) -> list[Finding]:
    """Report domains whose mail is not signed."""
    active = {key.domain for key in keys if key.state == "active"}
    without = sorted({key.domain for key in keys} - active)
    if not without:
        return []
    others = f" and of {counted(len(without) - 1, 'other')}" if len(without) > 1 else ""
    text = f"mail is not signed{others}, because no key is active"
    return [Finding("dkim", without[0], ATTENTION, text, "run site.yml, which reports the cause")]


def late(keys: list[Key], config: dict[str, Any], now: float) -> list[Finding]:
    """Report keys that should sign by now, and keys that should have been replaced."""
    free = [key for key in keys if not key.held]
    new = [key for key in free if key.state == "future" and now > key.since + PATIENCE]
    most = config["max_age_days"] * DAY
    old = [key for key in free if key.state == "active" and now > key.since + most + PATIENCE]
    found = []
    if new:
        text = f"not all name servers have its record {since(first(new).since, now)}"
        found.append(_late(new, text, "run site.yml, which reports which do not"))
    if old and most:
        text = f"overdue for replacement {since(first(old).since + most, now)}"
        found.append(_late(old, text, "run site.yml, which replaces it"))
    return found


def first(keys: list[Key]) -> Key:
    return min(keys, key=lambda key: key.since)


def _late(keys: list[Key], text: str, remedy: str) -> Finding:
    oldest = first(keys)
    if len(keys) > 1:
        text += f"; the same for {counted(len(keys) - 1, 'other key')}"
    return Finding("dkim", f"{oldest.selector} of {oldest.domain}", ATTENTION, text, remedy)


def move(key: Key, config: dict[str, Any]) -> tuple[float, str] | None:
    """Return when site.yml will move a key to its next state, and the words for it."""
    days = {
        "active": (config["max_age_days"], "replaces"),
        "retired": (config["keep_days"], "revokes"),
        "revoked": (config["revoked_days"], "removes"),
    }
    length, verb = days.get(key.state, (0, ""))
    if not length or key.held:
        return None
    return key.since + length * DAY, f"{verb} {key.selector} of {key.domain}"
