# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which TLS keys a host needs, and which of them to publish in DNS. Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# Algorithm and role, as in ("ecdsa", "current").
Slot = tuple[str, str]

ROLES = ("previous", "current", "next")


@dataclass(frozen=True)
class Plan:
    """The work to do.

    make: slots that need a key. drop: slots whose key is no longer needed. publish: slots whose
    keys go into TLSA records. retired: the time of retirement of each retired key, by its SHA-256.
    """

    make: list[Slot]
    drop: list[Slot]
    publish: list[Slot]
    retired: dict[str, str]


def plan(
    present: Mapping[Slot, str],
    algorithms: Iterable[str],
    retired: Mapping[str, str],
    hold: float,
    now: datetime,
    provided: Mapping[str, str] | None = None,
    lent: Collection[str] = (),
) -> Plan:
    """Compute the plan for a key ring.

    A retired key stays in DNS for a while: some process may still serve it, and the caches of
    senders need time to pick up the new one (RFC 7671 section 8).

    Args:
        present: the SHA-256 of each existing key.
        algorithms: the algorithms in the settings. Keys of any other one are retired.
        retired: retired keys and their times, as in Plan.
        hold: seconds for which a retired key stays.
        now: the current time, with its time zone.
        provided: the SHA-256 of the user's own key for each algorithm. The first one becomes the
            current key, a later one the next. Without it each algorithm gets a next key.
        lent: algorithms no longer in the settings whose key is still served, in place of one that
            waits for its first certificate.
    """
    algorithms = list(dict.fromkeys(algorithms))
    make: list[Slot] = []
    publish: list[Slot] = []
    for algorithm in algorithms:
        current, following = (algorithm, "current"), (algorithm, "next")
        publish.append(current)
        if current not in present:
            make.append(current)
        if provided is None:
            publish.append(following)
            if following not in present:
                make.append(following)
        elif provided[algorithm] != present.get(current, provided[algorithm]):
            publish.append(following)
            if present.get(following) != provided[algorithm]:
                make.append(following)
    serving = [(name, "current") for name in lent if name not in algorithms]
    publish += [slot for slot in serving if slot in present]
    since: dict[str, str] = {}
    drop: list[Slot] = []
    for slot in sorted(set(present) - set(publish), key=lambda slot: ROLES.index(slot[1])):
        algorithm, role = slot
        in_use = present.get((algorithm, "current"))
        # Never used, or a copy left by a rollover that was killed.
        if role == "next" or (role == "previous" and present[slot] == in_use):
            drop.append(slot)
            continue
        begin = retired.get(present[slot], now.isoformat())
        if now >= datetime.fromisoformat(begin) + timedelta(seconds=hold):
            drop.append(slot)
        else:
            publish.append(slot)
            since[present[slot]] = begin
    return Plan(make, drop, publish, since)
