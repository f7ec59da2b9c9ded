# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signatures of the zones (DNSSEC)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from pillarbox.check.each import each_zone
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import PATIENCE, Settings
from pillarbox.lookup import RESOLVER

HOUR = 3600
# Shares of its life that a signature should still have. BIND replaces those of 14 days five days
# before they expire; services that sign on the fly have signatures of two days.
SOON, NOW = 0.2, 0.05
# What a zone is signed for: its content, and its keys, which may be signed elsewhere.
TYPES = ("SOA", "DNSKEY")


def zones(settings: Settings) -> Iterator[Finding]:
    """Check that resolvers accept the signatures of each zone, and for how long."""
    return zones_of(settings.names, RESOLVER)


def zones_of(names: Iterable[str], resolver: str) -> Iterator[Finding]:
    """Check the zones of these names as a resolver sees them."""
    return each_zone("DNSSEC", names, lambda name: _zone(name, resolver))


def _ask(name: str, rdtype: str, resolver: str, flags: int = 0) -> dns.message.Message:
    """Return the resolver's answer with its signatures, validated unless the flags have CD."""
    query = dns.message.make_query(name, rdtype, want_dnssec=True)
    query.flags |= flags
    return dns.query.udp_with_fallback(query, resolver, timeout=PATIENCE)[0]


def _zone(name: str, resolver: str) -> Finding:
    answer = _ask(name, "SOA", resolver)
    if answer.rcode() == dns.rcode.SERVFAIL:
        # With CD, the resolver does not validate (RFC 4035 section 3.2.2).
        if _ask(name, "SOA", resolver, dns.flags.CD).rcode() == dns.rcode.SERVFAIL:
            return Finding("DNSSEC", name, UNKNOWN, "its name servers do not answer")
        remedy = (
            "compare the DS records at the registrar with the DNSKEY records of the zone, and have"
            " its DNS provider sign it again; until then, many servers neither send mail here nor"
            " accept mail from here"
        )
        found = "the signatures are not valid"
        return Finding("DNSSEC", name, CRITICAL, found, "valid or none", remedy)
    # A name that is no zone has the SOA record of its zone in the authority section.
    owners = [
        rrset.name
        for rrset in [*answer.answer, *answer.authority]
        if rrset.rdtype == dns.rdatatype.SOA
    ]
    zone = str(owners[0]).rstrip(".") if owners else name
    if not answer.flags & dns.flags.AD:
        found = "not signed, or without a DS record at the parent, so no DANE"
        return Finding("DNSSEC", zone, NOTE, found, "signed")
    signed = (_signature(zone, rdtype, resolver) for rdtype in TYPES)
    return min(signed, key=lambda one: one[0])[1]


def _signature(zone: str, rdtype: str, resolver: str) -> tuple[float, Finding]:
    """Return the share that is left of the life of a signature, and the finding about it."""
    wanted = dns.rdatatype.from_text(rdtype)
    signatures = [
        signature
        for rrset in _ask(zone, rdtype, resolver).answer
        if rrset.rdtype == dns.rdatatype.RRSIG
        for signature in rrset
        if signature.type_covered == wanted
    ]
    now = time.time()
    left = {
        (one.expiration - now) / max(1, one.expiration - one.inception): one.expiration - now
        for one in signatures
    }
    # With several keys, one valid signature is enough.
    share = max(left, default=0.0)
    hours = left.get(share, 0.0) / HOUR
    duration = f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} hours"
    if share >= SOON:
        text = f"valid, the signature of {rdtype} for another {duration}"
        return share, Finding("DNSSEC", zone, OK, text)
    remedy = "find out why the DNS provider, or the primary name server, no longer signs the zone"
    status = WARNING if share >= NOW else CRITICAL
    text = f"the signature of {rdtype} expires in {duration}"
    return share, Finding("DNSSEC", zone, status, text, "a newer one by now", remedy)
