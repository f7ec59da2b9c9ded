# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTA-STS policy of a domain (RFC 8461): senders must use verified TLS. Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

MAX_AGE = 1209600  # two weeks, in seconds
NONE = "none"


def declared_policies(
    domains: Mapping[str, Mapping[str, Any] | None], default: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """Return mode and max_age of each domain according to the settings; empty for no policy.

    Args:
        domains: mail_domains; the mta_sts of a domain overrides mail_mta_sts.
        default: mail_mta_sts.
    """
    declared = {}
    for name, domain in domains.items():
        domain = domain or {}
        declared[name] = {} if domain.get("parked") else domain.get("mta_sts") or default
    return declared


def policy_text(mode: str, mx: Iterable[str], max_age: int) -> str:
    """Return the policy file of RFC 8461 section 3.2.

    Args:
        mode: enforce, testing, or none, which makes senders drop an earlier policy.
        mx: all hosts in the MX records.
        max_age: how long senders may cache the policy, in seconds.
    """
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in mx)]
    return "\n".join([*lines, f"max_age: {max_age}", ""])


def policy_id(text: str) -> str:
    """Return the id of a policy, by which senders notice that it has changed (section 3.1)."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
