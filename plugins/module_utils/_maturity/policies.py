# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of each domain that a run puts in force. Pure; the day is an argument.

A policy that the settings name is theirs. The others move by the steps that the mail host has found
(pillarbox maturity): it has the reports, and remembers what is in force.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import (
    DMARC_TAGS,
    SPF_ALL,
)

# From lenient to strict; the same as on the host.
LADDERS = {
    "dmarc": ("none", "quarantine", "reject"),
    "spf": ("~all", "-all"),
    "mta_sts": ("testing", "enforce"),
}
TITLES = {"dmarc": "DMARC", "spf": "SPF", "mta_sts": "MTA-STS"}
# What is in force without any setting.
DEFAULTS = {"dmarc": DMARC_TAGS["p"], "spf": SPF_ALL, "mta_sts": "testing"}

# Of each domain its policies, by ladder, as in maturity.json.
Policies = dict[str, dict[str, dict[str, Any]]]


class Matured(NamedTuple):
    """The policies to put in force, mail_domains with those that move, and what moves, and why."""

    policies: Policies
    domains: dict[str, Any]
    moves: list[str]

    @property
    def text(self) -> str:
        """The policies as JSON, a line for each domain."""
        lines = [
            f"{json.dumps(domain)}: {json.dumps(found)}" for domain, found in self.policies.items()
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n" if lines else "{}\n"


def matured(settings: Mapping[str, Any], known: Mapping[str, Any], today: str) -> Matured:
    """Return the policies to put in force.

    Args:
        settings: of role mail, without their prefix: domains, maturity, mta_sts, web, tls_source.
        known: the policies in force, those that may move with their next step.
        today: the date, such as 2026-11-27.
    """
    result = Matured({}, dict(settings["domains"]), [])
    for name, domain in sorted(settings["domains"].items()):
        domain = domain or {}
        if domain.get("parked"):
            continue
        before = known.get(name, {})
        result.policies[name] = {
            ladder: _policy(ladder, given, free, before.get(ladder), today)
            for ladder, given, free in _ladders(settings, domain)
        }
        for ladder, policy in result.policies[name].items():
            if policy["free"]:
                result.moves.extend(_move(name, ladder, policy, before.get(ladder)))
                result.domains[name] = _with(result.domains[name] or {}, ladder, policy["stage"])
    return result


def _ladders(
    settings: Mapping[str, Any], domain: Mapping[str, Any]
) -> Iterator[tuple[str, str, bool]]:
    """Yield each ladder of a domain, the stage that its settings name, and whether it may move."""
    wanted = domain.get("maturity", settings["maturity"])
    dmarc = (domain.get("dmarc") or {}).get("p", "")
    spf = (domain.get("spf") or {}).get("all", "")
    yield "dmarc", dmarc, wanted and not dmarc
    yield "spf", spf, wanted and not spf
    mode = (domain.get("mta_sts") or settings["mta_sts"] or {}).get("mode", "")
    if mode in LADDERS["mta_sts"] or not mode and settings["web"]:
        # Senders refuse a self-signed certificate.
        yield "mta_sts", mode, wanted and not mode and settings["tls_source"] != "self_signed"


def _policy(
    ladder: str, given: str, free: bool, before: Mapping[str, Any] | None, today: str
) -> dict[str, Any]:
    """Return the policy to put in force; was: the stage that it fell from."""
    stage, was = given or DEFAULTS[ladder], ""
    if free:
        stage = (before.get("next") or before["stage"]) if before else LADDERS[ladder][0]
        was = before.get("was", "") if before else ""
    if not before or stage != before["stage"]:
        was = before["stage"] if before and free and before["back"] else ""
        policy = {"stage": stage, "since": today, "free": free}
    else:
        policy = {"stage": stage, "since": before["since"], "free": free}
    return {**policy, "was": was} if was else policy


def _move(
    name: str, ladder: str, policy: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Iterator[str]:
    if before and before["stage"] != policy["stage"]:
        verb = "goes back" if before["back"] else "goes"
        yield (
            f"{name}: {TITLES[ladder]} {verb} from {before['stage']} to {policy['stage']}:"
            f" {before['why']}"
        )


def _with(domain: Mapping[str, Any], ladder: str, stage: str) -> dict[str, Any]:
    """Return the settings of a domain with a stage."""
    if ladder == "dmarc":
        # Sub-domains without a record of their own send by the same servers.
        dmarc = {"sp": stage, "np": stage, **(domain.get("dmarc") or {}), "p": stage}
        return {**domain, "dmarc": dmarc}
    if ladder == "spf":
        return {**domain, "spf": {**(domain.get("spf") or {}), "all": stage}}
    return {**domain, "mta_sts": {"mode": stage}}
