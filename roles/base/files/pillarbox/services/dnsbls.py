# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that each DNS list that Postfix queries is in operation (RFC 5782 section 5).

It must list 127.0.0.2 and not 127.0.0.1. A list that was shut down lists no address or every one;
a list that refuses this host's queries returns error codes.
"""

from __future__ import annotations

import dns.exception
import dns.resolver

from pillarbox.commands import run


def is_listing(answer: str) -> bool:
    """Whether an answer says that an address is listed.

    Not so 127.0.0.1, addresses of other networks, and the usual codes for too many queries.
    """
    return (
        answer.startswith("127.")
        and answer != "127.0.0.1"
        and not answer.startswith("127.255.255.")
    )


def answers(address: str, dnsbl: str) -> list[str]:
    """Return the answers of a list for an address; empty if it is not listed."""
    name = ".".join(reversed(address.split("."))) + f".{dnsbl}."
    try:
        return [str(answer) for answer in dns.resolver.resolve(name, "A", lifetime=10)]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def trouble(dnsbl: str) -> str:
    """Return what is wrong with a list, empty if nothing is."""
    try:
        listed, others = answers("127.0.0.2", dnsbl), answers("127.0.0.1", dnsbl)
    except dns.exception.Timeout:
        return "does not answer"
    except dns.exception.DNSException as error:
        return f"does not answer ({error})"
    strange = [answer for answer in listed + others if not is_listing(answer)]
    if strange:
        return f"answers {', '.join(strange)}, so it refuses this host's queries or was shut down"
    if others:
        return f"lists 127.0.0.1, so it may list every address ({', '.join(others)})"
    return "" if listed else "does not list 127.0.0.2, so it may list no address"


def main() -> int:
    sites = run("/usr/sbin/postconf", "-h", "postscreen_dnsbl_sites").decode().split()
    dnsbls = sorted({site.partition("=")[0] for site in sites})
    found = {dnsbl: trouble(dnsbl) for dnsbl in dnsbls}
    for dnsbl, what in found.items():
        if what:
            print(f"{dnsbl} {what}. See its web site, or remove it from postfix_dnsbls.")
    return int(any(found.values()))
