# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail host's record of its MTA-STS policies, as human-readable JSON. Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.life import Policy
from ansible_collections.pillarbox.mail.plugins.module_utils._times import parse_time, time_text


class HistoryError(Exception):
    """A history cannot be read; the text continues a sentence about the file ("is …")."""


def parse(text: str) -> list[Policy]:
    """Return the policies of a history. Raises HistoryError."""
    try:
        return [_policy(domain, entry) for domain, entry in json.loads(text).items()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HistoryError(
            f"is not a history of MTA-STS policies ({type(error).__name__}: {error})"
        ) from error


def dump(policies: Iterable[Policy]) -> str:
    """Return the history of these policies: one line for each, sorted by domain."""
    lines = [
        f"  {json.dumps(policy.domain)}: {json.dumps(_entry(policy))}"
        for policy in sorted(policies, key=lambda policy: policy.domain)
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n" if lines else "{}\n"


def _policy(domain: str, entry: Mapping[str, Any]) -> Policy:
    until = entry.get("applied_until")
    return Policy(
        domain,
        entry["mode"],
        entry["max_age"],
        tuple(entry["mx"]),
        {host: parse_time(since) for host, since in entry.get("left", {}).items()},
        parse_time(until) if until else None,
    )


def _entry(policy: Policy) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "mode": policy.mode,
        "max_age": policy.max_age,
        "mx": policy.mx,
    }
    if policy.left:
        entry["left"] = {host: time_text(since) for host, since in policy.left.items()}
    if policy.applied_until:
        entry["applied_until"] = time_text(policy.applied_until)
    return entry
