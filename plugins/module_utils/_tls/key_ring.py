# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which TLS keys a host must have, and which of them must be in DNS. Pure.

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
    """What is to be done.

    make: slots that need a key. drop: slots whose key is of no more use. publish: slots whose keys
    belong into TLSA records. retired: since when each key that is out of use is, by its SHA-256.
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
    """Compute what to do with a ring.

    A key that is out of use stays in DNS for a while, as a sender may still meet a process that
    serves it, and its caches know the new one at the end of it (RFC 7671 section 8).

    Args:
        present: the SHA-256 of each key that is there.
        algorithms: those that are wanted. A key in use of any other is out of use.
        retired: what is known of keys out of use, as in Plan.
        hold: seconds for which they stay.
        now: the time, with its zone.
        provided: the SHA-256 of the user's own key for each algorithm. It is served first of all,
            and a later one becomes the next. Without it each algorithm has a next key.
        lent: algorithms that are not wanted any more and whose key is still served, in the place of
            one that waits for its first certificate.
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
        # Never used, or the copy that a killed roll left.
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
