# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare records with a zone at a DNS service, and let octoDNS plan the same changes.

octoDNS plans whole zones and deletes every record that is not in its desired zone. So the desired
zone is a copy of the existing one with our RRsets changed, and only changes to our RRsets are kept
from its plan.
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

with suppress(ImportError):  # dns_records reports what to install
    import dns.name
    import dns.rdataset
    import dns.rdatatype
with suppress(ImportError):
    from octodns.provider.plan import UnsafePlan
    from octodns.zone import Zone

# The desired RRsets; None: absent.
Goal = Mapping[Key, "dns.rdataset.Rdataset | None"]


@dataclass
class Service:
    """A DNS service, by its octoDNS provider. All methods raise DnsError."""

    title: str
    options: Mapping[str, Any]
    new_provider: Callable[[], Any] = field(init=False)  # creates a provider with empty caches

    def __post_init__(self) -> None:
        self.new_provider = factory(self.title, self.options)

    def describe(self, error: Exception) -> str:
        return sentence(error, self.options)

    def refuse_types(self, records: Sequence[Record]) -> None:
        """Refuse records of types that the provider does not support."""
        known = self.new_provider().SUPPORTS
        for record in records:
            if dns.rdatatype.to_text(record.type) not in known:
                raise DnsError(
                    f"{self.title} does not support {record}: its record types are"
                    f" {', '.join(sorted(known))}; use another provider, or leave the record out."
                )

    def zones(self) -> list[dns.name.Name]:
        provider = self.new_provider()
        if not hasattr(provider, "list_zones"):
            raise DnsError(f"{self.title} cannot list its zones: list them in zones.")
        try:
            return [to_name(zone) for zone in provider.list_zones()]
        except Exception as error:
            raise DnsError(
                f"{self.title} failed to list its zones ({self.describe(error)}): {remedy(error)}"
                " If the credentials allow changes but no listing, list them in zones."
            ) from error

    def read(self, provider: Any, zone: dns.name.Name) -> Any:
        """Return the records that octoDNS can read of the zone, as its Zone."""
        existing = Zone(zone.to_text(), [])
        try:
            exists = provider.populate(existing, target=True, lenient=True)
        except Exception as error:
            raise DnsError(
                f"{self.title} failed to read zone {to_text(zone)} ({self.describe(error)}):"
                f" {remedy(error)}"
            ) from error
        if not exists:
            # octoDNS would create it, on servers to which it is not delegated.
            raise DnsError(
                f"{self.title} has no zone {to_text(zone)} in this account: create and delegate"
                " it, or check zones."
            )
        return existing

    def compare(
        self, provider: Any, zone: dns.name.Name, records: Sequence[Record], goal: Goal
    ) -> tuple[ZonePlan, Any]:
        """Return our plan for the zone, and octoDNS's plan for the same changes, or None.

        Values in *goal* are added to the desired ones.
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
            # The service may change the requested TTL.
            if key in changes:
                plan.desired[key] = to_rdataset(changes[key]) if changes[key] else None
            elif same_data(plan.current.get(key) or (), plan.desired[key] or ()):
                plan.desired[key] = plan.current[key]
            else:
                raise DnsError(
                    f"{self.title} does not change {to_text(key[0])}"
                    f" {dns.rdatatype.to_text(key[1])} in zone {to_text(zone)}: it does not"
                    " support this value; leave the record out."
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
                f"The changes to zone {zone} at {self.title} exceed octoDNS's limit ({error}): if"
                " they are intended, set delete_pcent_threshold: 1.0 in provider_options."
            ) from error
        except Exception as error:
            raise DnsError(
                f"{self.title} cannot make these changes to zone {zone} ({self.describe(error)}):"
                " correct the record in question, or leave it out."
            ) from error


def remedy(error: Exception) -> str:
    """Return the remedy for *error*. Without an answer, requests and sockets raise OSError.

    Some packages, such as OVH's, wrap that one in an exception of their own.
    """
    cause: BaseException | None = error
    while cause and getattr(cause, "response", None) is None:
        if isinstance(cause, OSError):
            return "Check that the service can be reached from here."
        cause = cause.__cause__ or cause.__context__
    return "Check the credentials in provider_options, and that they may change this zone."
