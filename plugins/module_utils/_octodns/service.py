# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare records with a zone at a DNS service, and have octoDNS plan the same changes.

octoDNS plans whole zones and deletes what it is not told of. So it is told of everything that the
zone has, with our RRsets changed in it, and of its plan only the changes to our RRsets are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    DnsError,
    to_name,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    ZonePlan,
    refuse_alias,
    same_data,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, Record
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.classes import (
    factory,
    sentence,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.convert import (
    key_of,
    octo_record,
    planned,
    to_rdataset,
)

with suppress(ImportError):  # dns_records says what to install
    import dns.name
    import dns.rdataset
    import dns.rdatatype
with suppress(ImportError):
    from octodns.provider.plan import UnsafePlan
    from octodns.zone import Zone

# What RRsets shall be; None: they shall not be.
Goal = Mapping[Key, "dns.rdataset.Rdataset | None"]


@dataclass
class Service:
    """A DNS service by the octoDNS provider for it. Everything raises DnsError."""

    title: str
    options: Mapping[str, Any]
    fresh: Callable[[], Any] = field(init=False)  # gives a provider that has not read anything yet

    def __post_init__(self) -> None:
        self.fresh = factory(self.title, self.options)

    def said(self, error: Exception) -> str:
        return sentence(error, self.options)

    def refuse_types(self, records: Sequence[Record]) -> None:
        """Refuse records of types that the provider does not know."""
        known = self.fresh().SUPPORTS
        for record in records:
            if dns.rdatatype.to_text(record.type) not in known:
                raise DnsError(
                    f"{self.title} cannot have {record}: it knows {', '.join(sorted(known))}; use"
                    " another provider for it, or leave the record out."
                )

    def zones(self) -> list[dns.name.Name]:
        provider = self.fresh()
        if not hasattr(provider, "list_zones"):
            raise DnsError(f"{self.title} cannot tell its zones: give them in zones.")
        try:
            return [to_name(zone) for zone in provider.list_zones()]
        except Exception as error:
            raise DnsError(
                f"{self.title} failed to list its zones ({self.said(error)}): {remedy(error)} If"
                " they may be changed but not listed, give them in zones."
            ) from error

    def read(self, provider: Any, zone: dns.name.Name) -> Any:
        """Return all that octoDNS can tell of the zone, as its Zone."""
        existing = Zone(zone.to_text(), [])
        try:
            exists = provider.populate(existing, target=True, lenient=True)
        except Exception as error:
            raise DnsError(
                f"{self.title} failed to read zone {to_text(zone)} ({self.said(error)}):"
                f" {remedy(error)}"
            ) from error
        if not exists:
            # octoDNS would make it, on servers that nobody asks.
            raise DnsError(
                f"{self.title} has no zone {to_text(zone)} in this account: make it there and"
                " delegate it, or check zones."
            )
        return existing

    def look(
        self, provider: Any, zone: dns.name.Name, records: Sequence[Record], goal: Goal
    ) -> tuple[ZonePlan, Any]:
        """Return our plan for the zone, and octoDNS's of the same changes; None: there are none.

        Values in *goal* are wanted as well.
        """
        existing = self.read(provider, zone)
        ours = {record.key for record in records}
        ours |= {(record.name, dns.rdatatype.CNAME) for record in records}
        found = {key: octo for octo in existing.records if (key := key_of(octo)) in ours}
        plan = ZonePlan(zone, list(records), {key: to_rdataset(found[key]) for key in found})
        refuse_alias(plan, self.title)
        for key, lost in goal.items():
            if lost is not None:
                values = [*(plan.desired[key] or ()), *lost]
                plan.desired[key] = dns.rdataset.from_rdata_list(lost.ttl, values)
        wished = {record.key: plan.desired[record.key] for record in plan.changes}
        todo = self._planned(provider, existing, found, wished) if wished else None
        changes = {key_of(change.record): change.new for change in todo.changes} if todo else {}
        for key in wished:
            # The service may make another TTL of the one that was asked for.
            if key in changes:
                plan.desired[key] = to_rdataset(changes[key]) if changes[key] else None
            elif same_data(plan.current.get(key) or (), plan.desired[key] or ()):
                plan.desired[key] = plan.current[key]
            else:
                raise DnsError(
                    f"{self.title} leaves {to_text(key[0])} {dns.rdatatype.to_text(key[1])} in zone"
                    f" {to_text(zone)} as it is: it cannot have this value; leave the record out."
                )
        return plan, todo

    def _planned(self, provider: Any, existing: Any, found: Mapping[Key, Any], wished: Goal) -> Any:
        zone = existing.name.rstrip(".")
        try:
            desired = existing.copy()
            if desired.root_ns:
                desired.remove_record(desired.root_ns)
            for key, wanted in wished.items():
                if wanted is None:
                    desired.remove_record(found[key])
                else:
                    new = octo_record(desired, key, wanted, found.get(key))
                    desired.add_record(new, replace=True, lenient=True)
            todo = planned(provider, existing, desired, wished)
            if todo:
                todo.raise_if_unsafe()
            return todo
        except DnsError:
            raise
        except UnsafePlan as error:
            raise DnsError(
                f"{self.title} is not told to change zone {zone} that much ({error}): if it is"
                " meant, put delete_pcent_threshold: 1.0 into provider_options."
            ) from error
        except Exception as error:
            raise DnsError(
                f"{self.title} cannot change zone {zone} so ({self.said(error)}): correct or leave"
                " out the record that it names."
            ) from error


def remedy(error: Exception) -> str:
    """Return what to do about *error*. Without an answer, requests and sockets raise OSError.

    Some packages, such as OVH's, raise an exception of their own about that one.
    """
    cause: BaseException | None = error
    while cause and getattr(cause, "response", None) is None:
        if isinstance(cause, OSError):
            return "See that the service can be reached from here."
        cause = cause.__cause__ or cause.__context__
    return "Check the credentials in provider_options, and that they may change this zone."
