# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the targets of MX and SRV records have addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import (
    NoAddressError,
    to_text,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    ZonePlan,
    enclosing_zone,
    same_data,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server, exchange
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.read import rdataset
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record

with suppress(ImportError):  # dns_records reports what to install
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype


def refuse_missing_addresses(
    server: Server, plans: Sequence[ZonePlan], published: Collection[dns.name.Name] = ()
) -> None:
    """Raise NoAddressError if the target of a new MX or SRV record in the plans' zones has none.

    Mail would not be delivered there, and BIND refuses such a record (check-integrity). Only an
    authoritative server can prove that there is no address, so targets in other zones are not
    checked, nor are *published* ones, whose addresses come from elsewhere.
    """
    zones = {plan.zone for plan in plans}
    addressed = {
        name
        for plan in plans
        for (name, rdtype), wanted in plan.desired.items()
        if rdtype in _addresses() and wanted is not None
    }.union(published)
    named = {
        target: record
        for plan in plans
        for record in plan.changes
        for target in _targets(record, plan)
        if target not in addressed and enclosing_zone(target, zones)
    }
    for target in _without_address(server, named):
        raise NoAddressError(
            f"{server} has no address for {to_text(target)}, the target of {named[target]}: add"
            " its A or AAAA records there first, or to the list of records, as"
            " mail_host_addresses does. An alias (CNAME) is not allowed (RFC 2181 section 10.3)."
        )


def _addresses() -> tuple[dns.rdatatype.RdataType, dns.rdatatype.RdataType]:
    return dns.rdatatype.A, dns.rdatatype.AAAA


def _targets(record: Record, plan: ZonePlan) -> Iterator[dns.name.Name]:
    """Yield the targets of a record's values that are not yet in the zone."""
    for value in record.values if record.present else ():
        if any(same_data([value], [old]) for old in plan.current.get(record.key) or ()):
            continue
        if record.type in (dns.rdatatype.MX, dns.rdatatype.SRV):
            target = value.exchange if record.type == dns.rdatatype.MX else value.target  # type: ignore[attr-defined]
            if target != dns.name.root:  # a null MX, or no such service
                yield target.canonicalize()


def _without_address(server: Server, names: Iterable[dns.name.Name]) -> list[dns.name.Name]:
    """Return the names that have no address by the server's authoritative answers."""
    questions = [dns.message.make_query(name, rdtype) for name in names for rdtype in _addresses()]
    found: dict[dns.name.Name, list[bool]] = {}
    for question, answer in exchange(server, questions) if questions else ():
        name, rdtype = question.question[0].name, question.question[0].rdtype
        denied = (
            answer.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
            and bool(answer.flags & dns.flags.AA)
            and rdataset(answer, (name, rdtype)) is None
        )
        found.setdefault(name, []).append(denied)
    return [name for name, denials in found.items() if all(denials)]
