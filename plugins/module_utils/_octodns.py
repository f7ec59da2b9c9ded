# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider `octodns`: change the zones of a DNS service through its API, by an octoDNS provider.

octoDNS plans whole zones and deletes what it is not told of. So it is told of everything that the
zone has, with our RRsets changed in it, and of its plan only the changes to our RRsets are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dnsname import (
    DnsError,
    to_name,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._octoclass import factory, sentence
from ansible_collections.pillarbox.mail.plugins.module_utils._octozone import (
    key_of,
    octo_record,
    planned,
    to_rdataset,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._record import Key, Record
from ansible_collections.pillarbox.mail.plugins.module_utils._zoneplan import (
    ZonePlan,
    by_zone,
    enclosing,
    refuse_alias,
    same,
    same_data,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._zonetext import rrset_lines
from ansible_collections.pillarbox.mail.plugins.module_utils._zonewait import (
    Duties,
    reachable,
    until_served,
)

with suppress(ImportError):  # dns_records says what to install
    import dns.exception
    import dns.name
    import dns.rdataset
    import dns.rdatatype
    import dns.resolver
with suppress(ImportError):
    from octodns.provider.plan import UnsafePlan
    from octodns.zone import Zone

# Seconds that an API may take to show what it has accepted.
SETTLE = 5.0

Goal = Mapping[Key, "dns.rdataset.Rdataset | None"]


@dataclass
class Octodns:
    """The provider. Without *zones* the service is asked for all it has."""

    provider_class: str
    options: Mapping[str, Any]
    zones: Sequence[dns.name.Name] = ()
    resolver: dns.resolver.Resolver | None = None  # the system's, for the servers to wait for
    servers_port: int = 53
    updates_sent: int = field(default=0, init=False)
    make: Callable[[], Any] = field(init=False)

    def __post_init__(self) -> None:
        self.make = factory(self.provider_class, self.options)

    def plan(self, records: Sequence[Record]) -> list[ZonePlan]:
        """Compare the records with the service and return one plan per zone. Raises DnsError."""
        provider = self.make()
        for record in records:
            if dns.rdatatype.to_text(record.type) not in provider.SUPPORTS:
                raise DnsError(
                    f"{self.provider_class} cannot have {record}: it knows"
                    f" {', '.join(sorted(provider.SUPPORTS))}; use another provider for it, or"
                    " leave the record out."
                )
        zones = self.zones or self._list_zones(provider)
        grouped = by_zone(records, {r.name: enclosing(r.name, zones) for r in records})
        return [self._look(provider, zone, some)[0] for zone, some in grouped.items()]

    def apply(self, plans: Sequence[ZonePlan]) -> None:
        """Change the zones, one after the other; the plans then say what was done.

        A zone is read again right before, as others may have changed it since, and once more
        afterwards. Raises DnsError.
        """
        for plan in plans:
            if plan.changes:
                self._change(plan)

    def wait(self, plans: Sequence[ZonePlan], timeout: float) -> None:
        """Return once every server that the DNS names for the zones serves the records.

        *timeout* is in seconds. Raises DnsError.
        """
        duties: Duties = {}
        for plan in plans:
            # A service may have a smallest TTL, which the plan knows.
            records = [
                replace(record, ttl=wanted.ttl) if wanted else record
                for record in plan.records
                for wanted in [plan.desired.get(record.key)]
            ]
            for host, addresses in self._servers(plan.zone).items():
                server = reachable(host, addresses, self.servers_port)
                duties.setdefault(server, {})[plan.zone] = records
        until_served(duties, timeout, f"as {self.provider_class} was told: wait longer.")

    def _list_zones(self, provider: Any) -> list[dns.name.Name]:
        if not hasattr(provider, "list_zones"):
            raise DnsError(f"{self.provider_class} cannot tell its zones: give them in zones.")
        try:
            return [to_name(zone) for zone in provider.list_zones()]
        except Exception as error:
            raise DnsError(
                f"{self.provider_class} failed to list its zones ({self._said(error)}):"
                f" {_remedy(error)} If they may be changed but not listed, give them in zones."
            ) from error

    def _look(
        self,
        provider: Any,
        zone: dns.name.Name,
        records: Sequence[Record],
        goal: Goal | None = None,
    ) -> tuple[ZonePlan, Any]:
        """Compare the records with the zone. Return our plan, and octoDNS's of the same changes.

        The second is None when nothing is to be done. Values in *goal* are wanted as well.
        """
        existing = self._read(provider, zone)
        ours = {record.key for record in records}
        ours |= {(record.name, dns.rdatatype.CNAME) for record in records}
        found = {key: octo for octo in existing.records if (key := key_of(octo)) in ours}
        plan = ZonePlan(zone, list(records), {key: to_rdataset(found[key]) for key in found})
        refuse_alias(plan, self.provider_class)
        for key, lost in (goal or {}).items():
            if lost is not None:
                values = [*(plan.desired[key] or ()), *lost]
                plan.desired[key] = dns.rdataset.from_rdata_list(lost.ttl, values)
        wished = {record.key for record in plan.changes}
        if not wished:
            return plan, None
        try:
            desired = existing.copy()
            if desired.root_ns:
                desired.remove_record(desired.root_ns)
            for key in wished:
                wanted, old = plan.desired[key], found.get(key)
                if wanted is None:
                    desired.remove_record(old)
                else:
                    new = octo_record(desired, key, wanted, old)
                    desired.add_record(new, replace=True, lenient=True)
            todo = planned(provider, existing, desired, wished)
            if todo:
                todo.raise_if_unsafe()
        except UnsafePlan as error:
            raise DnsError(
                f"{self.provider_class} is not told to change zone {to_text(zone)} that much"
                f" ({error}): if it is meant, put delete_pcent_threshold: 1.0 into"
                " provider_options."
            ) from error
        except DnsError:
            raise
        except Exception as error:
            raise DnsError(
                f"{self.provider_class} cannot change zone {to_text(zone)} so"
                f" ({self._said(error)}): correct or leave out the record that it names."
            ) from error
        changes = {key_of(change.record): change.new for change in todo.changes} if todo else {}
        for key in wished:
            # The service may make another TTL of the one that was asked for.
            if key in changes:
                plan.desired[key] = to_rdataset(changes[key]) if changes[key] else None
            elif same_data(plan.current.get(key) or (), plan.desired[key] or ()):
                plan.desired[key] = plan.current[key]
            else:
                raise DnsError(
                    f"{self.provider_class} leaves {to_text(key[0])}"
                    f" {dns.rdatatype.to_text(key[1])} in zone {to_text(zone)} as it is: it cannot"
                    " have this value; leave the record out."
                )
        return plan, todo

    def _read(self, provider: Any, zone: dns.name.Name) -> Any:
        existing = Zone(zone.to_text(), [])
        try:
            exists = provider.populate(existing, target=True, lenient=True)
        except Exception as error:
            raise DnsError(
                f"{self.provider_class} failed to read zone {to_text(zone)} ({self._said(error)}):"
                f" {_remedy(error)}"
            ) from error
        if not exists:
            # octoDNS would make it, on servers that nobody asks.
            raise DnsError(
                f"{self.provider_class} has no zone {to_text(zone)} in this account: make it there"
                " and delegate it, or check zones."
            )
        return existing

    def _change(self, plan: ZonePlan) -> None:
        """Change one zone; what fails half-way is tried once more, as values may be lost then.

        Some services change an RRset by deletion and creation. What others had in it is known only
        here in between.
        """
        before, failure = plan, None
        goal: Goal = {}
        for attempt in (1, 2):
            provider = self.make()
            now, todo = self._look(provider, plan.zone, plan.records, goal)
            if attempt == 1:
                before, plan.desired = now, now.desired
                goal = {record.key: now.desired[record.key] for record in now.changes}
            if todo is None:
                return
            self.updates_sent += 1
            failure = None
            try:
                provider.apply(todo)
            except Exception as error:
                failure = error
            try:
                left = self._left(plan, goal, 0 if failure else SETTLE)
            except DnsError as error:
                what = ", ".join(str(record) for record in before.changes)
                raise DnsError(
                    f"{self.provider_class} did not change all of {what}"
                    f" ({self._said(failure or error)}), and how much cannot be told, as the zone"
                    f" cannot be read either. {_remedy(failure or error)} Run again to finish."
                ) from error
            if not left:
                return
        raise DnsError(self._half_done(before, goal, left, failure))

    def _left(self, plan: ZonePlan, goal: Goal, settle: float) -> dict[Key, Any]:
        """Return what the RRsets are that are not as in *goal*, at the latest after a while."""
        deadline = time.monotonic() + settle
        while True:
            # A provider that has not read the zone yet, as most remember what they have read.
            zone = self._read(self.make(), plan.zone)
            now = {key: to_rdataset(octo) for octo in zone.records if (key := key_of(octo)) in goal}
            left = {key: now.get(key) for key in goal if not same(now.get(key), goal[key])}
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.5)

    def _half_done(
        self, before: ZonePlan, goal: Goal, left: Mapping[Key, Any], failure: Exception | None
    ) -> str:
        why = self._said(failure) if failure else "it accepted the change"
        lists: dict[str, list[str]] = {"done": [], "as before": [], "neither old nor new": []}
        for record in before.changes:
            key = record.key
            if key not in left:
                lists["done"].append(str(record))
            elif same(left[key], before.current.get(key)):
                lists["as before"].append(str(record))
            else:
                shall = "; ".join(rrset_lines(replace(record, note=""), goal[key]))
                lists["neither old nor new"].append(f"{record}, which shall be [{shall}]")
        states = "; ".join(f"{state}: {', '.join(some)}" for state, some in lists.items() if some)
        remedy = _remedy(failure) if failure else "Look at the zone there."
        return (
            f"{self.provider_class} did not change all of zone {to_text(before.zone)} ({why})."
            f" {states[:1].upper()}{states[1:]}. {remedy} Run again to finish."
        )

    def _servers(self, zone: dns.name.Name) -> dict[dns.name.Name, list[str]]:
        """Return the servers of *zone* with their addresses, as the DNS has them here."""
        found: dict[dns.name.Name, list[str]] = {}
        try:
            resolver = self.resolver or dns.resolver.Resolver()
            for rdata in resolver.resolve(zone, "NS"):
                for rdtype in ("A", "AAAA"):
                    answer = resolver.resolve(rdata.target, rdtype, raise_on_no_answer=False)
                    addresses = [item.address for item in answer.rrset or ()]
                    found.setdefault(rdata.target, []).extend(addresses)
        except dns.exception.DNSException as error:
            raise DnsError(
                f"The name servers of zone {to_text(zone)} cannot be found from here ({error}): see"
                " that the zone is delegated, or set wait to false."
            ) from error
        return {host: addresses for host, addresses in found.items() if addresses}

    def _said(self, error: Exception) -> str:
        return sentence(error, self.options)


def _remedy(error: Exception) -> str:
    """Return what to do about *error*. Without an answer, requests and sockets raise OSError."""
    if isinstance(error, OSError) and getattr(error, "response", None) is None:
        return "See that the service can be reached from here."
    return "Check the credentials in provider_options, and that they may change this zone."
