# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signatures of the zones (DNSSEC)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import PATIENCE, Settings
from pillarbox.lookup import RESOLVER

DAY = 86400
# Days that the signatures of a zone should still be valid. BIND replaces those of 14 days when a
# quarter of that is left.
SOON, NOW = 3, 1


def zones(settings: Settings) -> Iterator[Finding]:
    """Check that resolvers accept the signatures of each domain, and for how long."""
    seen = set()
    for domain in dict.fromkeys([settings.hostname, *settings.domains]):
        try:
            response = _ask(domain)
            signatures = [
                signature
                for rrset in [*response.answer, *response.authority]
                if rrset.rdtype == dns.rdatatype.RRSIG
                for signature in rrset
                if signature.type_covered == dns.rdatatype.SOA
            ]
            zone = str(signatures[0].signer).rstrip(".") if signatures else domain
            if zone not in seen:
                seen.add(zone)
                yield _zone(zone, domain, response, [s.expiration for s in signatures])
        except (dns.exception.DNSException, OSError) as error:
            yield Finding("DNSSEC", domain, UNKNOWN, str(error) or type(error).__name__)


def _ask(domain: str, flags: int = 0) -> dns.message.Message:
    """Return the answer for the SOA record of a domain, with its signatures."""
    query = dns.message.make_query(domain, "SOA", want_dnssec=True)
    query.flags |= flags
    return dns.query.udp_with_fallback(query, RESOLVER, timeout=PATIENCE)[0]


def _zone(zone: str, domain: str, response: dns.message.Message, expirations: list[int]) -> Finding:
    if response.rcode() == dns.rcode.SERVFAIL:
        # With CD, the resolver does not validate (RFC 4035 section 3.2.2).
        if _ask(domain, dns.flags.CD).rcode() == dns.rcode.SERVFAIL:
            return Finding("DNSSEC", zone, UNKNOWN, "its name servers do not answer")
        remedy = (
            "compare the DS records at the registrar with the zone's DNSKEY, and have the DNS"
            " provider sign the zone again; until then many servers neither send here nor accept"
        )
        return Finding(
            "DNSSEC", zone, CRITICAL, "the signatures are not valid", "valid or none", remedy
        )
    if not response.flags & dns.flags.AD:
        found = "not signed, or without a DS record at the parent, so no DANE"
        return Finding("DNSSEC", zone, NOTE, found, "signed")
    left = (min(expirations, default=0) - time.time()) / DAY if expirations else None
    if left is None:
        return Finding("DNSSEC", zone, OK, "valid")
    text = f"valid, the signature for {left:.0f} more days"
    if left >= SOON:
        return Finding("DNSSEC", zone, OK, text)
    remedy = "find out why the DNS provider, or the primary name server, no longer signs the zone"
    text = f"the signature expires in {left * 24:.0f} hours"
    status = WARNING if left >= NOW else CRITICAL
    return Finding("DNSSEC", zone, status, text, f"{SOON} days or more", remedy)
