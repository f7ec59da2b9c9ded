# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether DNS lists have an address or a domain of this host (RFC 5782)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import dns.reversename

from pillarbox import lookup
from pillarbox.check.finding import CRITICAL, OK, UNKNOWN, Finding
from pillarbox.check.settings import Address, Settings, ask

# Answers that are not listings (RFC 5782 section 2.1; those of Spamhaus and others for queries
# that they refuse).
ERRORS = ("127.0.0.1", "127.255.255.")
SITE = re.compile(r"([^=*]+)(?:=[^*]*)?(?:\*(-?\d+))?")


def addresses(settings: Settings) -> Iterator[Finding]:
    """Check each address on the lists by which Postfix itself refuses others."""
    for address in settings.addresses:
        for dnsbl in blocking(_configured()):
            # A list of IPv4 addresses has no IPv6 address, and answers that there is none.
            yield _listed(address, dnsbl)


def _configured() -> str:
    command = ["/usr/sbin/postconf", "-h", "postscreen_dnsbl_sites"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def blocking(sites: str) -> list[str]:
    """Return the lists of postscreen_dnsbl_sites that count against an address, postconf(5)."""
    found = []
    for site in re.split(r"[\s,]+", sites.strip()):
        match = SITE.fullmatch(site)
        if match and not (match[2] or "1").startswith("-"):
            found.append(match[1])
    return list(dict.fromkeys(found))


def _listed(address: Address, dnsbl: str) -> Finding:
    pointer = str(dns.reversename.from_address(str(address)))
    name = pointer.replace("in-addr.arpa", dnsbl).replace("ip6.arpa", dnsbl)
    subject = f"{address} at {dnsbl}"
    try:
        answers = [record.address for record in ask(name, "A").records]
    except lookup.Unknown as error:
        return Finding("DNS list", subject, UNKNOWN, str(error))
    if not answers:
        return Finding("DNS list", subject, OK, "not listed")
    if any(a.startswith(ERRORS) or not a.startswith("127.") for a in answers):
        found = f"{', '.join(answers)}, which is no listing: it refuses this host's queries"
        return Finding("DNS list", subject, UNKNOWN, found)
    remedy = f"the web site of {dnsbl} tells why, and how to have {address} removed"
    return Finding("DNS list", subject, CRITICAL, f"listed ({', '.join(answers)})", "", remedy)
