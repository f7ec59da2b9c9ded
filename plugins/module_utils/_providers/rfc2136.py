# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider `rfc2136`: read a zone at its primary and change it by dynamic updates.

Everything is a comparison (`compare`): a difference at the primary has to be changed; a difference
there afterwards means that it was ignored; one at another server, that it has not arrived yet.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    ZonePlan,
    by_zone,
    enclosing_zone,
    refuse_alias,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import (
    Server,
    exchange,
    refusal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.read import (
    ask,
    compare,
    find_zones,
    rdataset,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.target import (
    refuse_missing_addresses,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.wait import (
    Duties,
    reachable,
    wait_until_served,
)

with suppress(ImportError):  # dns_records reports what to install
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdatatype
    import dns.update

# How often to plan again after others have changed the same records.
ATTEMPTS = 5
# A message has at most 65535 octets (RFC 1035 section 4.2.2), including header and TSIG.
UPDATE_OCTETS = 64000
# Seconds that a primary may take to serve an accepted update. BIND with inline signing answers an
# update before the signed zone contains it.
SETTLE = 5.0


@dataclass
class Rfc2136:
    """The provider. Without *zones* the primary is queried for the zone of each name.

    Hosts in *published* count as having addresses.
    """

    primary: Server
    zones: Sequence[dns.name.Name] = ()
    secondaries_port: int = 53
    published: Collection[dns.name.Name] = ()
    updates_sent: int = field(default=0, init=False)

    def plan(self, records: Sequence[Record]) -> list[ZonePlan]:
        """Compare the records with the primary and return one plan per zone. Raises DnsError."""
        zone_of: Mapping[dns.name.Name, dns.name.Name | None]
        if self.zones:
            answers = None
            zones = set(self.zones)
            zone_of = {record.name: enclosing_zone(record.name, zones) for record in records}
        else:
            zone_of, answers = find_zones(self.primary, records)
        plans = compare(self.primary, by_zone(records, zone_of), answers)
        for plan in plans:
            refuse_alias(plan, str(self.primary))
        refuse_missing_addresses(self.primary, plans, self.published)
        return plans

    def apply(self, plans: Sequence[ZonePlan]) -> None:
        """Change the zones at the primary, and update the plans to what was done.

        A zone is changed by one update, which is atomic; a change above 64 kB takes several. The
        prerequisites of an update are the data that was read (RFC 2136 section 2.4); if these have
        changed, the zone is read and planned again. Raises DnsError.
        """
        plan_of = {plan.zone: plan for plan in plans if plan.changes}
        todo = list(plan_of.values())
        for _attempt in range(ATTEMPTS):
            late = self._update(todo)
            if not late:
                break
            todo = self.plan([record for plan in late for record in plan.records])
            for plan in todo:
                plan_of[plan.zone].desired = plan.desired
        else:
            raise DnsError(
                f"The same records of zone {to_text(todo[0].zone)} at {self.primary} were changed"
                f" by others {ATTEMPTS} times during this run: run again when they have finished."
            )
        self._read_back(plan_of)

    def wait(self, plans: Sequence[ZonePlan], timeout: float) -> None:
        """Return once all authoritative servers of all zones serve the records. Raises DnsError.

        *timeout* is in seconds.
        """
        remedy = f"as {self.primary} does: check that it gets notifies and may transfer the zone."
        wait_until_served(self._secondaries(plans), timeout, remedy)

    def _update(self, plans: Sequence[ZonePlan]) -> list[ZonePlan]:
        """Send the updates of *plans*, and return the plans whose prerequisites failed."""
        updates = [update for plan in plans for update in build_updates(plan)]
        if not updates:
            return []
        self.updates_sent += len(updates)
        late = set()
        for update, response in exchange(self.primary, updates):
            if response.rcode() in (dns.rcode.YXRRSET, dns.rcode.NXRRSET):
                late.add(update.question[0].name)
            elif response.rcode() != dns.rcode.NOERROR:
                raise refusal(self.primary, update, response.rcode())
        return [plan for plan in plans if plan.zone in late]

    def _read_back(self, plan_of: Mapping[dns.name.Name, ZonePlan]) -> None:
        """Set the new serials. Raises DnsError if the primary does not serve an accepted change."""
        deadline = time.monotonic() + SETTLE
        missing = {zone: plan.records for zone, plan in plan_of.items()}
        while missing:
            behind = []
            for now in compare(self.primary, missing):
                refuse_alias(now, str(self.primary))
                plan_of[now.zone].serial = now.serial
                behind += [now] if now.changes else []
            if behind and time.monotonic() > deadline:
                raise DnsError(
                    f"{self.primary} accepted the update of zone {to_text(behind[0].zone)} but"
                    f" {behind[0].changes[0]} is not as requested: either the name has other"
                    " records, so that a CNAME is ignored (RFC 2136 section 3.4.2.2), or it"
                    " belongs to a child zone, or somebody else changed it; check that name."
                )
            missing = {plan.zone: plan.records for plan in behind}
            time.sleep(0.1 if missing else 0)

    def _secondaries(self, plans: Sequence[ZonePlan]) -> Duties:
        """Return the records that each authoritative server except the primary must serve."""
        answers = ask(self.primary, ((plan.zone, dns.rdatatype.NS) for plan in plans))
        located: dict[dns.name.Name, Server | None] = {}
        serving: Duties = {}
        for plan in plans:
            key = (plan.zone, dns.rdatatype.NS)
            for rdata in rdataset(answers[key], key) or ():
                host = rdata.target
                if host not in located:
                    located[host] = self._locate(host)
                server = located[host]
                if server is not None:
                    serving.setdefault(server, {})[plan.zone] = plan.records
        return serving

    def _locate(self, host: dns.name.Name) -> Server | None:
        """Return *host* as a server at its first reachable address; None if it is the primary."""
        addresses = self._addresses(host)
        own = {info[4][0] for info in socket.getaddrinfo(self.primary.address, None)}
        if self.primary.port == self.secondaries_port and own & set(addresses):
            return None
        return reachable(host, addresses, self.secondaries_port)

    def _addresses(self, host: dns.name.Name) -> list[str]:
        """Query the primary, often the only server that knows the addresses, then the system."""
        questions = [
            dns.message.make_query(host, rdtype) for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
        ]
        found = [
            rdata.address
            for _question, answer in exchange(self.primary, questions)
            for rrset in answer.answer
            if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for rdata in rrset
        ]
        try:
            return found or [str(i[4][0]) for i in socket.getaddrinfo(to_text(host), None)]
        except OSError as error:
            raise DnsError(
                f"Neither {self.primary} nor this machine can resolve name server {to_text(host)}"
                f" ({error}): correct the zone's NS records, or set wait to false."
            ) from error


def build_updates(plan: ZonePlan) -> list[dns.update.UpdateMessage]:
    """Return the update messages of a plan; deletions come first, so that an alias can be replaced.

    The prerequisite for each RRset is that its values are still those read (RFC 2136 section
    2.4.2), or that it still does not exist (2.4.3). Raises DnsError.
    """
    updates: list[dns.update.UpdateMessage] = []
    room = 0
    for record in sorted(plan.changes, key=lambda record: plan.desired[record.key] is not None):
        old, new = plan.current.get(record.key), plan.desired[record.key]
        # An upper bound: names are compressed on the wire. 10 octets: type, class, TTL, length.
        octets = 2 * (len(record.name.to_wire() or b"") + 10) + sum(
            len(record.name.to_wire() or b"") + 10 + len(rdata.to_digestable())
            for rdata in [*(old or ()), *(new or ())]
        )
        if octets > UPDATE_OCTETS:
            raise DnsError(f"Record {record} is too large for one update message.")
        if octets > room:
            updates.append(dns.update.UpdateMessage(plan.zone))
            room = UPDATE_OCTETS
        room -= octets
        if old is None:
            updates[-1].absent(record.name, record.type)
        else:
            updates[-1].present(record.name, *old)
        if new is None:
            updates[-1].delete(record.name, record.type)
        else:
            updates[-1].replace(record.name, new)
    return updates
