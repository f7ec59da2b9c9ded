# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies in force, as site.yml wrote them, and what comes next for each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox import Failure
from pillarbox.files import read
from pillarbox.maturity.evidence import gathered
from pillarbox.maturity.ladders import DAYS, LADDERS, Policy, Step, next_step
from pillarbox.reports.store import FILE as REPORTS

# By the role base: a line for each domain.
FILE = Path("/var/lib/pillarbox/maturity.json")
# Of the daily check, which proposes the steps, and hence cannot be imported here.
FINDINGS = Path("/var/lib/pillarbox/check.json")
# The keys of findings without which a policy may become stricter; {0} is its domain.
CHECKS = {
    "dmarc": r"DKIM \S+ of {0}|SPF {0}|DMARC {0}",
    "spf": r"SPF {0}|DMARC {0}",
    "mta_sts": r"MTA-STS {0}|MX {0}|web names .*|certificate served .*",
}


class Outlook(NamedTuple):
    """A policy of a domain, and its next step."""

    domain: str
    ladder: str
    policy: Policy
    step: Step


def in_force(file: Path = FILE) -> dict[str, dict[str, Policy]]:
    """Return the policies of each domain, none before the first run. Raises Failure."""
    try:
        known = json.loads(read(file) or b"{}")
        return {
            domain: {ladder: _policy(ladder, found) for ladder, found in policies.items()}
            for domain, policies in known.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Failure(f"{file} is damaged ({error}): restore it from a backup") from error


def _policy(ladder: str, found: Mapping[str, Any]) -> Policy:
    if found["stage"] not in LADDERS[ladder]:
        raise ValueError(f"{found['stage']!r} is no stage of {ladder}")
    since = date.fromisoformat(found["since"])
    return Policy(found["stage"], since, found["free"], found.get("was", ""))


def outlooks(
    policies: Mapping[str, Mapping[str, Policy]],
    own: Set[str],
    now: float,
    reports: Path = REPORTS,
    findings: Path = FINDINGS,
) -> list[Outlook]:
    """Return the next step of each policy. Raises Failure.

    Args:
        policies: those in force.
        own: the addresses of this host.
        now: the present time.
        reports: the database of reports.
        findings: what the last daily check found.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    first = today - timedelta(days=max(DAYS.values()))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    evidence = gathered(begin, own, reports)
    urgent = _urgent(findings)
    return [
        Outlook(
            domain,
            ladder,
            policy,
            next_step(
                ladder,
                policy,
                evidence.get(domain, {}).get(ladder, ()),
                today,
                hindrance(domain, ladder, of_domain, urgent),
            ),
        )
        for domain, of_domain in policies.items()
        for ladder, policy in of_domain.items()
    ]


def _urgent(file: Path) -> list[str] | None:
    """Return the keys of findings that need attention, None if there was no check yet."""
    try:
        found = json.loads(read(file) or b"null")
    except ValueError:
        return None
    if found is None:
        return None
    return [key for key, known in found.items() if known["status"] in ("warning", "critical")]


def hindrance(
    domain: str, ladder: str, policies: Mapping[str, Policy], urgent: list[str] | None
) -> str:
    """Return why a policy must not become stricter now, empty if it may."""
    dmarc = policies["dmarc"]
    # Receivers may reject mail for "-all" before they look at DMARC, and then nobody reports it
    # (RFC 9989, "Issues Specific to SPF").
    if ladder == "spf" and (dmarc.stage == "none" or dmarc.free and dmarc.stage != "reject"):
        return "DMARC comes first"
    if urgent is None:
        return "pillarbox check has not run yet"
    pattern = CHECKS[ladder].format(re.escape(domain))
    found = next((key for key in urgent if re.fullmatch(pattern, key)), "")
    return f"pillarbox check has found something else to repair ({found})" if found else ""
