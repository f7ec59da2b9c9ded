# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check which records all authoritative servers serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

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


class Unserved(NamedTuple):
    """Why a record is not served everywhere, and whether a server said so."""

    reason: str
    answered: bool


def unserved(
    records: Iterable[Record], resolver: dns.resolver.Resolver | None = None, port: int = 53
) -> dict[Record, Unserved]:
    """Return the records that not every server serves as desired, each with the reason.

    The resolver finds the zones and their servers. Each server is queried directly, because caches
    would hide recent changes. TTLs are not compared, nor what others have in a shared RRset.
    """
    zones: dict[dns.name.Name, list[Record]] = {}
    found: dict[Record, Unserved] = {}
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
                for record, why in _missing(server, zone, some).items():
                    found[record] = _both(found.get(record), why)
        except DnsError as error:
            found.update({record: Unserved(str(error), False) for record in some})
    return found


def _both(one: Unserved | None, other: Unserved) -> Unserved:
    """Return what two servers say of a record: a wrong answer counts more than none."""
    if one is None or (other.answered and not one.answered):
        return other
    if other.answered:
        return Unserved(f"{one.reason} {other.reason}", True)
    return one


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


def _missing(
    server: Server, zone: dns.name.Name, records: Sequence[Record]
) -> dict[Record, Unserved]:
    try:
        [plan] = compare(server, {zone: records})
    except DnsError as error:
        return {record: Unserved(str(error), False) for record in records}
    return {
        record: Unserved(_difference(server, record), True)
        for record in records
        if not record.pending
        and not same_data(plan.current.get(record.key) or (), plan.desired[record.key] or ())
    }


def _difference(server: Server, record: Record) -> str:
    if record.present:
        return f"{server} does not serve {record} with this value."
    return f"{server} still serves {record}, which should be absent."
