# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the MTA-STS policy of a domain changes from one run to the next. Pure; time is an argument.

This module util is PRIVATE to the collection.

Senders apply a policy from their cache until they see another id in DNS, or until its max_age has
passed. So a policy changes before its record and before the MX records, and two things take time:

- A host stays in the policy while a cache may still have its MX record.
- A policy that is no longer wanted is replaced by one in mode none, until no sender can have the
  former one cached (RFC 8461 section 8.3). Only then does it end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import (
    MAX_AGE,
    NONE,
    policy_id,
    policy_text,
)

# Of a policy in mode none, which senders need only drop their earlier one for (section 8.3).
NONE_MAX_AGE = 86400


@dataclass(frozen=True)
class Policy:
    """The policy of a domain that is served, and what senders may remember."""

    domain: str
    mode: str
    max_age: int
    mx: tuple[str, ...]  # in the order of the MX records
    left: Mapping[str, datetime] = field(default_factory=dict)  # former MX hosts, and since when
    applied_until: datetime | None = None  # former policies, from the caches of senders

    @property
    def text(self) -> str:
        return policy_text(self.mode, [*self.mx, *self.left], self.max_age)

    @property
    def id(self) -> str:
        return policy_id(self.text)


def advance(
    known: Iterable[Policy],
    declared: Mapping[str, Mapping[str, Any]],
    mx: Sequence[str],
    now: datetime,
    hold: timedelta,
) -> list[Policy]:
    """Return the policies to serve from now on.

    Args:
        known: those that are served. Policies of domains that are not declared end at once, since
            nothing is published for these.
        declared: mode and max_age of each domain according to the settings; empty for no policy.
        mx: the hosts in the MX records, in their order.
        now: the current time.
        hold: how long caches may have an MX record after its removal.
    """
    of_domain = {policy.domain: policy for policy in known}
    changed = (
        _changed(of_domain.get(name), name, wanted, mx, now, hold)
        for name, wanted in declared.items()
    )
    return [policy for policy in changed if policy]


def waiting(policies: Iterable[Policy], hold: timedelta) -> list[str]:
    """Describe the changes that a later run makes, and when."""
    policies = list(policies)
    left = {
        f"{host} stays in the policies until {_minute(since + hold)}, since caches may have its MX"
        " record": None
        for policy in policies
        for host, since in policy.left.items()
    }
    ending = [
        f"{policy.domain}: its policy is being withdrawn, and is removed after"
        f" {_minute(policy.applied_until)}; until then, senders may apply a former one"
        for policy in policies
        if policy.mode == NONE and policy.applied_until
    ]
    return [*left, *ending]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _changed(
    known: Policy | None,
    domain: str,
    wanted: Mapping[str, Any],
    mx: Sequence[str],
    now: datetime,
    hold: timedelta,
) -> Policy | None:
    """Return the next policy of a domain, or None if it has none, or needs none any more."""
    mode = wanted.get("mode", NONE)
    if mode == NONE and (known is None or _forgotten(known, now)):
        return None
    max_age = NONE_MAX_AGE if mode == NONE else wanted.get("max_age", MAX_AGE)
    if known is None:
        return Policy(domain, mode, max_age, tuple(mx))
    left = {
        host: since
        for host, since in {**dict.fromkeys(known.mx, now), **known.left}.items()
        if host not in mx and now - since < hold
    }
    policy = Policy(domain, mode, max_age, tuple(mx), left, known.applied_until)
    if policy.text == known.text or known.mode == NONE:
        return policy
    # Not simply its own max_age: an even earlier policy may have had a longer one (section 8.3).
    until = now + timedelta(seconds=known.max_age)
    return replace(policy, applied_until=max(until, known.applied_until or until))


def _forgotten(policy: Policy, now: datetime) -> bool:
    """Whether no sender can apply a former policy any more."""
    return policy.mode == NONE and not (policy.applied_until and now < policy.applied_until)
