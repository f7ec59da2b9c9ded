# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name servers of the zones, each asked by itself."""

from __future__ import annotations

from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype

from pillarbox.check.each import each_zone
from pillarbox.check.finding import NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Ask, Settings, ask

# Seconds for each server.
PATIENCE = 5.0


def servers(settings: Settings) -> Iterator[Finding]:
    """Check that each name server of a domain answers for it, and with the same zone."""
    return each_zone("name servers", settings.names, _zone)


def _zone(name: str) -> Finding | None:
    zone, hosts = delegation(name, ask)
    if not hosts:
        # "MX" and "DNSSEC" say why.
        return None
    wanted = "all with the same zone"

    def finding(status: str, found: str, remedy: str = "") -> Finding:
        return Finding("name servers", zone, status, found, wanted, remedy)

    serials = {host: _serial(zone, host) for host in hosts}
    if lame := [host for host, serial in serials.items() if serial == 0]:
        remedy = f"have them serve {zone}, or remove them at the registrar and from the NS records"
        return finding(WARNING, f"{', '.join(lame)} does not serve the zone", remedy)
    if silent := [host for host, serial in serials.items() if serial is None]:
        return finding(UNKNOWN, f"{', '.join(silent)} does not answer")
    if len(set(serials.values())) > 1:
        found = ", ".join(f"{host} has {serial}" for host, serial in serials.items())
        # Which it may for a while after each change (the refresh of the SOA record).
        remedy = "if it stays so, find out why the zone is not transferred: some see old records"
        return finding(NOTE, found, remedy)
    if len(hosts) == 1:
        return finding(NOTE, f"{hosts[0]} alone; while it is down, mail cannot be sent here")
    return Finding("name servers", zone, OK, ", ".join(hosts))


def delegation(name: str, ask: Ask) -> tuple[str, list[str]]:
    """Return the zone of a name, and its name servers. Raises lookup.Unknown."""
    labels = name.split(".")
    # The zone of a name is one of those above it, or its own.
    for first in range(len(labels) - 1):
        zone = ".".join(labels[first:])
        if records := ask(zone, "NS").records:
            return zone, sorted(str(record.target).rstrip(".") for record in records)
    return name, []


def _serial(zone: str, host: str) -> int | None:
    """Return the serial number of a zone at a server; 0 if it does not serve the zone.

    None if it does not answer at any of its addresses that this host can reach.
    """
    query = dns.message.make_query(zone, "SOA")
    query.flags &= ~dns.flags.RD
    addresses = [
        str(record.address) for kind in ("A", "AAAA") for record in ask(host, kind).records
    ]
    for address in addresses:
        try:
            response = dns.query.udp_with_fallback(query, address, timeout=PATIENCE)[0]
        except (OSError, dns.exception.DNSException):
            continue
        for rrset in response.answer:
            if rrset.rdtype == dns.rdatatype.SOA and response.flags & dns.flags.AA:
                return int(rrset[0].serial)
        return 0
    return None if addresses else 0
