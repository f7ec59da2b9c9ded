# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The current and the desired contents of zones, limited to the requested records. Pure."""

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

with suppress(ImportError):  # dns_records reports what to install
    import dns.name
    import dns.rdata
    import dns.rdataset
    import dns.rdatatype


@dataclass
class ZonePlan:
    """The current and the desired RRsets of a zone, for the requested records."""

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
        """The records whose RRset differs from the desired one."""
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
    """Whether two RRsets are equal, TTL included; TXT records compare by their joined strings."""
    if one is None or other is None:
        return one is other
    return one.ttl == other.ttl and same_data(one, other)


def same_data(one: Iterable[dns.rdata.Rdata], other: Iterable[dns.rdata.Rdata]) -> bool:
    """Whether two sets of values are equal; TXT records compare by their joined strings."""
    return set(map(content, one)) == set(map(content, other))


def enclosing_zone(name: dns.name.Name, zones: Set[dns.name.Name]) -> dns.name.Name | None:
    """Return the most specific of *zones* that contains *name*, or None."""
    while name not in zones:
        if name == dns.name.root:
            return None
        name = name.parent()
    return name


def by_zone(
    records: Iterable[Record], zone_of: Mapping[dns.name.Name, dns.name.Name | None]
) -> dict[dns.name.Name, list[Record]]:
    """Group *records* by zone. Raises DnsError for a record in no zone, and for a zone's own NS."""
    zones: dict[dns.name.Name, list[Record]] = {}
    for record in records:
        zone = zone_of[record.name]
        if zone is None:
            raise DnsError(
                f"Record {record} is in none of the zones given or found: check its name, and"
                " zones if you set it."
            )
        if record.key == (zone, dns.rdatatype.NS):
            raise DnsError(
                f"Record {record} is refused: it delegates the whole zone; leave it out."
            )
        zones.setdefault(zone, []).append(record)
    return zones


def refuse_alias(plan: ZonePlan, server: str) -> None:
    """Raise DnsError if a CNAME at *server* that is not to be removed conflicts with a record."""
    for record in plan.records:
        alias = (record.name, dns.rdatatype.CNAME)
        removed = alias in plan.desired and plan.desired[alias] is None
        if record.present and record.key != alias and alias in plan.current and not removed:
            target = plan.current[alias][0].to_text()
            raise DnsError(
                f"{server} has a CNAME to {target} at {to_text(record.name)}, which conflicts with"
                f" {record}: a CNAME allows no other record at its name (RFC 1034 section 3.6.2),"
                " so remove the CNAME first."
            )
