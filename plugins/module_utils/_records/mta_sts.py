# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTA-STS policy of a domain (RFC 8461): senders must use verified TLS. Pure.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MAX_AGE = 1209600  # two weeks, in seconds


def mta_sts_policy(mode: str, mx: Iterable[str], max_age: int = MAX_AGE) -> str:
    """Return the policy file of RFC 8461 section 3.2.

    Args:
        mode: enforce, testing, or none, which makes senders drop an earlier policy.
        mx: all hosts in the MX records.
        max_age: how long senders may cache the policy, in seconds.
    """
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in mx)]
    return "\n".join([*lines, f"max_age: {max_age}", ""])


def mta_sts_record(policy: str) -> str:
    """Return the TXT record of RFC 8461 section 3.1, whose id changes when the policy does."""
    return f"v=STSv1; id={hashlib.sha256(policy.encode()).hexdigest()[:32]};"
