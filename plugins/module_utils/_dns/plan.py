# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the zones hold and shall hold, as far as the records asked for go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, Record, content
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.text import (
    pending_line,
    rrset_lines,
)

with suppress(ImportError):  # dns_records says what to install
    import dns.name
    import dns.rdata
    import dns.rdataset
    import dns.rdatatype


@dataclass
class ZonePlan:
    """What a zone holds of the records' RRsets, and what it shall hold."""

    zone: dns.name.Name
    records: list[Record]
    current: Mapping[Key, dns.rdataset.Rdataset]  # an RRset that does not exist has no entry
    serial: int | None = None
    desired: dict[Key, dns.rdataset.Rdataset | None] = field(init=False)

    def __post_init__(self) -> None:
        self.desired = {
            record.key: record.merged(self.current.get(record.key))
            for record in self.records
            if not record.pending
        }

    @property
    def changes(self) -> list[Record]:
        """The records whose RRset is not yet as it shall be."""
        return [
            record
            for record in self.records
            if not record.pending
            and not same(self.current.get(record.key), self.desired[record.key])
        ]

    @property
    def changed(self) -> bool:
        return bool(self.changes) or any(record.pending for record in self.records)

    @property
    def before(self) -> str:
        lines = [rrset_lines(record, self.current.get(record.key)) for record in self.records]
        return "".join(f"{line}\n" for some in lines for line in some)

    @property
    def after(self) -> str:
        lines = [
            [pending_line(record)]
            if record.pending
            else rrset_lines(record, self.desired[record.key])
            for record in self.records
        ]
        return "".join(f"{line}\n" for some in lines for line in some)


def same(one: dns.rdataset.Rdataset | None, other: dns.rdataset.Rdataset | None) -> bool:
    """Whether two RRsets are equal, TTL included; a TXT counts by its joined strings."""
    if one is None or other is None:
        return one is other
    return one.ttl == other.ttl and same_data(one, other)


def same_data(one: Iterable[dns.rdata.Rdata], other: Iterable[dns.rdata.Rdata]) -> bool:
    """Whether two sets of values are equal; a TXT counts by its joined strings."""
    return set(map(content, one)) == set(map(content, other))


def enclosing(name: dns.name.Name, zones: Set[dns.name.Name]) -> dns.name.Name | None:
    """Return the longest of *zones* that *name* is in, or None."""
    while name not in zones:
        if name == dns.name.root:
            return None
        name = name.parent()
    return name


def by_zone(
    records: Iterable[Record], zone_of: Mapping[dns.name.Name, dns.name.Name | None]
) -> dict[dns.name.Name, list[Record]]:
    """Sort *records* into their zones. Raises DnsError for what is in none, and for a zone's NS."""
    zones: dict[dns.name.Name, list[Record]] = {}
    for record in records:
        zone = zone_of[record.name]
        if zone is None:
            raise DnsError(
                f"Record {record} lies in none of the zones given or found: check its name, and"
                " zones if you set it."
            )
        if record.key == (zone, dns.rdatatype.NS):
            raise DnsError(
                f"Record {record} is refused: it says who serves the whole zone; leave it out."
            )
        zones.setdefault(zone, []).append(record)
    return zones


def refuse_alias(plan: ZonePlan, server: str) -> None:
    """Raise DnsError if a CNAME that *server* has, and that is to stay, is in a record's way."""
    for record in plan.records:
        alias = (record.name, dns.rdatatype.CNAME)
        removed = alias in plan.desired and plan.desired[alias] is None
        if record.present and record.key != alias and alias in plan.current and not removed:
            target = plan.current[alias][0].to_text()
            raise DnsError(
                f"{server} has a CNAME to {target} at {to_text(record.name)}, in the way of"
                f" {record}: no other record can be at its name (RFC 1034 section 3.6.2), so remove"
                " the alias first."
            )
