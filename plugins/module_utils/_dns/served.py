# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check which records all authoritative servers serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import same_data
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.read import compare
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.wait import (
    reachable,
    servers_of,
)

with suppress(ImportError):  # dns_served_info reports what to install
    import dns.exception
    import dns.name
    import dns.resolver

# Servers are queried one after the other; one that does not answer must not delay a run for long.
TIMEOUT = 5.0


def unserved(
    records: Iterable[Record], resolver: dns.resolver.Resolver | None = None, port: int = 53
) -> dict[Record, str]:
    """Return the records that not every server serves, each with the reason.

    The resolver finds the zones and their servers. Each server is queried directly, because caches
    would hide recent changes. TTLs are not compared.
    """
    zones: dict[dns.name.Name, list[Record]] = {}
    reasons: dict[Record, str] = {}
    for record in records:
        zones.setdefault(_host(record.name), []).append(record)
    for host, some in zones.items():
        try:
            zone = _zone(host, resolver)
            servers = servers_of(zone, resolver)
            if not servers:
                raise DnsError(f"No name server of zone {to_text(zone)} has an address.")
            for title, addresses in servers.items():
                server = replace(reachable(title, addresses, port), timeout=TIMEOUT)
                reasons.update(_missing(server, zone, some))
        except DnsError as error:
            reasons.update({record: str(error) for record in some})
    return reasons


def _host(name: dns.name.Name) -> dns.name.Name:
    """Return the part of *name* to the right of the last underscored label.

    The records' own names are not looked up, because the resolver would cache a negative answer.
    """
    scoped = [i for i, label in enumerate(name.labels) if label.startswith(b"_")]
    return dns.name.Name(name.labels[scoped[-1] + 1 :]) if scoped else name


def _zone(host: dns.name.Name, resolver: dns.resolver.Resolver | None) -> dns.name.Name:
    try:
        return dns.resolver.zone_for_name(host, resolver=resolver)
    except (dns.exception.DNSException, OSError) as error:
        raise DnsError(
            f"The zone of {to_text(host)} cannot be found ({error}): check the resolver of this"
            " host."
        ) from error


def _missing(server: Server, zone: dns.name.Name, records: Sequence[Record]) -> dict[Record, str]:
    try:
        plans = compare(server, {zone: records})
    except DnsError as error:
        return {record: str(error) for record in records}
    return {
        record: f"{server} does not serve {record} with this value."
        for record in records
        if not same_data(plans[0].current.get(record.key) or (), record.values)
    }
