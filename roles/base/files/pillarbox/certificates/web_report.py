# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of web names: only what needs attention, and little even of a thousand domains.

Imports no library, so that "pillarbox status" starts fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

# Named, of those that have the same problem.
NAMED = 3

Memory = dict[str, Any]
Wanted = dict[str, list[str]]


def some(items: Iterable[str]) -> str:
    """Return the first items, and how many more there are."""
    listed = list(items)
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def strays(memory: Memory, wanted: Wanted) -> dict[str, str]:
    """Return the names that were left out, and why."""
    return {
        name: why
        for site, names in wanted.items()
        for name, why in memory["sites"].get(site, {}).get("strays", {}).items()
        if name in names
    }


def failed(memory: Memory, wanted: Wanted) -> dict[str, str]:
    """Return the sites whose last order failed, and why."""
    of = memory["sites"]
    return {site: of[site]["why"] for site in wanted if "failed" in of.get(site, {})}


def warnings(memory: Memory, wanted: Wanted, waiting: int) -> list[str]:
    """Return what an administrator should know after a run."""
    return [*_of_failures(memory, wanted), *_of_strays(memory, wanted), *_of_waiting(waiting)]


def _of_failures(memory: Memory, wanted: Wanted) -> Iterator[str]:
    failures = failed(memory, wanted)
    for site in list(failures)[:NAMED]:
        yield f"{site} has no new certificate: {failures[site]}"
    if len(failures) > NAMED:
        more = list(failures)[NAMED:]
        yield f"nor has {some(more)}; the timer tries again, at most once an hour"


def _of_strays(memory: Memory, wanted: Wanted) -> Iterator[str]:
    left_out = strays(memory, wanted)
    if left_out:
        names = some(f"{name} ({why})" for name, why in left_out.items())
        yield f"without a certificate, as they do not lead to this host in DNS: {names}"


def _of_waiting(waiting: int) -> Iterator[str]:
    if waiting:
        sites = "1 site waits" if waiting == 1 else f"{waiting:,} sites wait"
        yield f"{sites} for a certificate, as CAs limit orders; the timer makes the next"


def status(memory: Memory, wanted: Wanted) -> list[str]:
    """Return the lines of "pillarbox certificates status"."""
    signed = sum("issuer" in memory["sites"].get(site, {}) for site in wanted)
    lines = [f"web names: {signed:,} of {len(wanted):,} sites have a certificate from a CA"]
    return [*lines, *_of_failures(memory, wanted), *_of_strays(memory, wanted)]
