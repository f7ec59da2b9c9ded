# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider `octodns`: change the zones of a DNS service through its API, by an octoDNS provider."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    ZonePlan,
    by_zone,
    enclosing_zone,
    same,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, Record
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.text import rrset_lines
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.wait import (
    Duties,
    reachable,
    servers_of,
    wait_until_served,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.convert import (
    key_of,
    to_rdataset,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.service import (
    Goal,
    Service,
    remedy,
)

with suppress(ImportError):  # dns_records reports what to install
    import dns.name
    import dns.rdataset
    import dns.resolver

# Seconds that an API may take to show an accepted change.
SETTLE = 5.0


@dataclass
class Octodns:
    """The provider. The default for *zones* is the list of zones at the service."""

    service: Service
    zones: Sequence[dns.name.Name] = ()
    resolver: dns.resolver.Resolver | None = None  # for wait(); None: the system's
    servers_port: int = 53
    updates_sent: int = field(default=0, init=False)

    def plan(self, records: Sequence[Record]) -> list[ZonePlan]:
        """Compare the records with the service and return one plan per zone. Raises DnsError."""
        self.service.refuse_types(records)
        zones = set(self.zones or self.service.zones())
        grouped = by_zone(records, {r.name: enclosing_zone(r.name, zones) for r in records})
        provider = self.service.new_provider()
        return [self.service.compare(provider, zone, some, {})[0] for zone, some in grouped.items()]

    def apply(self, plans: Sequence[ZonePlan]) -> None:
        """Change the zones one after the other, and update the plans to what was done.

        Each zone is read again right before the change, as others may have changed it since, and
        once more afterwards. Raises DnsError.
        """
        for plan in plans:
            if plan.changes:
                self._change(plan)

    def wait(self, plans: Sequence[ZonePlan], timeout: float) -> None:
        """Return once all name servers of the zones serve the records.

        *timeout* is in seconds. Raises DnsError.
        """
        duties: Duties = {}
        for plan in plans:
            # The service may have changed the requested TTL.
            records = [
                replace(record, ttl=wanted.ttl) if wanted else record
                for record in plan.records
                for wanted in [plan.desired.get(record.key)]
            ]
            for host, addresses in servers_of(plan.zone, self.resolver).items():
                server = reachable(host, addresses, self.servers_port)
                duties.setdefault(server, {})[plan.zone] = records
        wait_until_served(
            duties, timeout, f"as changed at {self.service.title}: consider a longer timeout."
        )

    def _change(self, plan: ZonePlan) -> None:
        """Change one zone; retry once after a failure half-way, as values may be lost otherwise.

        Some services change an RRset by deleting and recreating it. In between, only this process
        knows the values that others had in it.
        """
        provider = self.service.new_provider()
        before, todo = self.service.compare(provider, plan.zone, plan.records, {})
        plan.desired = before.desired
        goal = {record.key: before.desired[record.key] for record in before.changes}
        failure = self._try(provider, todo)
        if failure:
            with suppress(DnsError):
                provider = self.service.new_provider()
                _now, todo = self.service.compare(provider, plan.zone, plan.records, goal)
                failure = self._try(provider, todo)
        self._read_back(before, goal, failure)

    def _try(self, provider: Any, todo: Any) -> Exception | None:
        """Let octoDNS apply its plan, if there is one, and return the exception, if any."""
        if todo is None:
            return None
        self.updates_sent += 1
        try:
            provider.apply(todo)
        except Exception as error:
            return error
        return None

    def _read_back(self, before: ZonePlan, goal: Goal, failure: Exception | None) -> None:
        """Raise DnsError if the zone does not match *goal* within SETTLE seconds."""
        zone = before.zone
        deadline = time.monotonic() + (0 if failure else SETTLE)
        while True:
            try:
                read = self.service.read(self.service.new_provider(), zone)
            except DnsError as error:
                tried = ", ".join(str(record) for record in before.changes)
                raise DnsError(
                    f"{self.service.title} was asked to change {tried}, but the result is unknown"
                    f" ({self.service.describe(failure or error)})."
                    f" {remedy(failure or error)} Run again to finish."
                ) from error
            now = {key: to_rdataset(octo) for octo in read.records if (key := key_of(octo)) in goal}
            left = {key: now.get(key) for key in goal if not same(now.get(key), goal[key])}
            if not left:
                return
            if time.monotonic() > deadline:
                raise DnsError(self._half_done(before, goal, left, failure))
            time.sleep(0.5)

    def _half_done(
        self, before: ZonePlan, goal: Goal, left: Mapping[Key, Any], failure: Exception | None
    ) -> str:
        lists: dict[str, list[str]] = {"Done": [], "Unchanged": [], "Neither old nor new": []}
        for record in before.changes:
            key = record.key
            if key not in left:
                lists["Done"].append(str(record))
            elif same(left[key], before.current.get(key)):
                lists["Unchanged"].append(str(record))
            else:
                wanted = "; ".join(rrset_lines(replace(record, note=""), goal[key]))
                lists["Neither old nor new"].append(f"{record}, which should be [{wanted}]")
        states = "".join(f" {state}: {', '.join(some)}." for state, some in lists.items() if some)
        why = self.service.describe(failure) if failure else "it accepted the change"
        advice = remedy(failure) if failure else "Check the zone there."
        return (
            f"{self.service.title} did not change all of zone {to_text(before.zone)} ({why})."
            f"{states} {advice} Run again to finish."
        )
