# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether DNS lists have an address of this host (RFC 5782)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import dns.reversename

from pillarbox import lookup
from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, Finding
from pillarbox.check.names import postconf
from pillarbox.check.settings import Address, Ask, Settings, ask
from pillarbox.services.dnsbls import is_listing

SITE = re.compile(r"([^=*]+)(?:=([^*]*))?(?:\*(-?\d+))?")


def addresses(settings: Settings) -> Iterator[Finding]:
    """Check each address on the lists by which Postfix itself refuses others."""
    sites = blocking(postconf("postscreen_dnsbl_sites"))
    # A list of IPv4 addresses has no IPv6 address, and answers that there is none.
    asked = product(settings.addresses, sites.items())
    return each(
        "DNS list",
        asked,
        lambda one: listed(one[0], *one[1], ask),
        lambda one: f"{one[0]} at {one[1][0]}",
    )


def blocking(sites: str) -> dict[str, list[str]]:
    """Return the lists that count against an address, and for which answers each, postconf(5)."""
    found: dict[str, list[str]] = {}
    for site in re.split(r"[\s,]+", sites.strip()):
        match = SITE.fullmatch(site)
        if match and not (match[3] or "1").startswith("-"):
            found.setdefault(match[1], []).append(match[2] or "127.[0..255].[0..255].[0..255]")
    return found


def counts(answer: str, filters: list[str]) -> bool:
    """Whether an answer is one of a filter, such as 127.0.0.[2;4..7]."""
    octets = answer.split(".")
    return any(
        all(
            _is_one_of(int(octet), part)
            # A dot within brackets is part of a range.
            for octet, part in zip(octets, re.findall(r"\[[^]]*\]|\d+", pattern), strict=False)
        )
        for pattern in filters
    )


def _is_one_of(octet: int, part: str) -> bool:
    for item in part.strip("[]").split(";"):
        first, _dots, last = item.partition("..")
        if int(first) <= octet <= int(last or first):
            return True
    return False


def listed(address: Address, dnsbl: str, filters: list[str], ask: Ask) -> Finding:
    """Return whether a list has an address, by the answers that count."""
    pointer = str(dns.reversename.from_address(str(address)))
    name = pointer.replace("in-addr.arpa", dnsbl).replace("ip6.arpa", dnsbl)
    subject = f"{address} at {dnsbl}"
    try:
        answers = [record.address for record in ask(name, "A").records]
    except lookup.Unknown as unknown:
        return Finding("DNS list", subject, UNKNOWN, str(unknown))
    text = ", ".join(answers)
    if not answers:
        return Finding("DNS list", subject, OK, "not listed")
    if not all(map(is_listing, answers)):
        found = f"{text}, which is no listing: it refuses this host's queries"
        return Finding("DNS list", subject, UNKNOWN, found)
    if not any(counts(answer, filters) for answer in answers):
        return Finding("DNS list", subject, NOTE, f"listed ({text}), which does not count here")
    remedy = f"see the web site of {dnsbl} for the reason, and how to have {address} removed"
    return Finding("DNS list", subject, CRITICAL, f"listed ({text})", "", remedy)
