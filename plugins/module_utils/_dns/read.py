# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read zones from one authoritative server by queries, so without the right to transfer them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import (
    ZonePlan,
    same,
    same_data,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import (
    Server,
    describe,
    exchange,
    refusal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Key, Record

with suppress(ImportError):  # dns_records reports what to install
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdataset
    import dns.rdatatype


def ask(server: Server, keys: Iterable[Key]) -> dict[Key, dns.message.Message]:
    """Query *server* for each name and type, and return its authoritative answers.

    Raises DnsError.
    """
    questions = {key: dns.message.make_query(*key) for key in keys}
    for question in questions.values():
        question.flags = dns.flags.Flag(0)  # no recursion
    answers = {}
    for asked, answer in exchange(server, questions.values()):
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise refusal(server, asked, answer.rcode())
        if not answer.flags & dns.flags.AA:
            raise DnsError(
                f"{server} is not authoritative for {describe(asked)}: it does not serve the zone,"
                " or the name is delegated to other servers; check server."
            )
        answers[asked.question[0].name, asked.question[0].rdtype] = answer
    return answers


def compare(
    server: Server,
    zones: Mapping[dns.name.Name, Sequence[Record]],
    known: Mapping[Key, dns.message.Message] | None = None,
) -> list[ZonePlan]:
    """Compare the records of each zone with those at *server*. Raises DnsError.

    An alias at a record's name is part of the plan's current data, as an RRset of type CNAME.
    *known* holds recent answers of the server, which are not queried again.
    """
    answers = dict(known or {})
    keys = [(zone, dns.rdatatype.SOA) for zone in zones]
    keys += [record.key for records in zones.values() for record in records]
    answers.update(ask(server, (key for key in keys if key not in answers)))
    plans = []
    for zone, records in zones.items():
        current = {}
        for record in records:
            for key in (record.key, (record.name, dns.rdatatype.CNAME)):
                found = rdataset(answers[record.key], key)
                if found is not None:
                    current[key] = found
        soa = rdataset(answers[zone, dns.rdatatype.SOA], (zone, dns.rdatatype.SOA))
        if soa is None:
            raise DnsError(f"{to_text(zone)} is not a zone of {server}: check zones.")
        plans.append(ZonePlan(zone, list(records), current, soa[0].serial))
    return _without_wildcards(server, plans)


def rdataset(answer: dns.message.Message, key: Key) -> dns.rdataset.Rdataset | None:
    """Return the RRset *key* from an answer."""
    name, rdtype = key
    found = answer.get_rrset(answer.answer, name, dns.rdataclass.IN, rdtype)
    return found.to_rdataset() if found else None


def _without_wildcards(server: Server, plans: list[ZonePlan]) -> list[ZonePlan]:
    """Drop answers synthesised from a wildcard: the zone has nothing at those names.

    Updates and their prerequisites apply to the zone's data, not to synthesised answers (RFC 4592
    section 2.2, RFC 2136 section 2.4). Only data that differs from the desired is checked.
    """
    suspects = {
        (plan.zone, key): [(wildcard, key[1]) for wildcard in _wildcards(key[0], plan.zone)]
        for plan in plans
        for key, found in plan.current.items()
        if not same(found, plan.desired.get(key))
    }
    if not suspects:
        return plans
    answers = ask(server, (key for keys in suspects.values() for key in keys))

    def synthesised(zone: dns.name.Name, key: Key, found: dns.rdataset.Rdataset) -> bool:
        return any(
            same_data(found, rdataset(answers[wildcard], wildcard) or ())
            for wildcard in suspects.get((zone, key), ())
        )

    return [
        ZonePlan(
            plan.zone,
            plan.records,
            {k: v for k, v in plan.current.items() if not synthesised(plan.zone, k, v)},
            plan.serial,
        )
        for plan in plans
    ]


def _wildcards(name: dns.name.Name, zone: dns.name.Name) -> Iterator[dns.name.Name]:
    above = name
    while above != zone and not name.is_wild():
        above = above.parent()
        yield dns.name.from_text("*", above)


def find_zones(
    server: Server, records: Sequence[Record]
) -> tuple[dict[dns.name.Name, dns.name.Name], dict[Key, dns.message.Message]]:
    """Return the zone of each record's name, and the answers for the records. Raises DnsError.

    The authority section has the zone's SOA when the RRset does not exist, and usually its NS when
    it does. Otherwise the SOA is queried. For an alias both may belong to the target's zone; as an
    alias is never a zone apex, its zone is that of its parent name.
    """
    SOA, NS = dns.rdatatype.SOA, dns.rdatatype.NS
    zones: dict[dns.name.Name, dns.name.Name] = {}
    asking = {record.name: record.key for record in records}
    answers = found = ask(server, (record.key for record in records))
    while asking:
        unknown = {}
        for name, (at, rdtype) in asking.items():
            answer = found[at, rdtype]
            alias = rdataset(answer, (at, dns.rdatatype.CNAME))
            tops = [rrset.name for rrset in answer.authority if rrset.rdtype in (SOA, NS)]
            if alias:
                unknown[name] = at.parent(), SOA
            elif rdataset(answer, (at, SOA)):
                zones[name] = at
            elif tops:
                zones[name] = tops[0]
            elif rdtype != SOA:
                unknown[name] = at, SOA
            else:
                raise DnsError(
                    f"{server} does not reveal the zone of {to_text(name)}: list it in zones."
                )
        asking = unknown
        found = ask(server, asking.values()) if asking else {}
    return zones, answers
