# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Query the TLSA records on the authoritative name servers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.resolver

from pillarbox.certificates.lookups import reason
from pillarbox.certificates.pair import DIGESTS, CertificateError, digest

# Seconds for each answer.
TIMEOUT = 5.0


@dataclass(frozen=True)
class Answer:
    """The TLSA RRset of one name on one server: digests by matching type, and its TTL in seconds.

    Only the records 3 1 1 and 3 1 2, which we publish, can contain one of our keys. Without
    records, there are no matching types.
    """

    server: str
    name: str
    digests: dict[int, frozenset[str]]
    ttl: int

    def pins(self, spki: bytes) -> bool:
        """Whether a sender with these records accepts the key.

        It may use the strongest matching type only, so each must include the key (RFC 7671 sections
        8 and 9).
        """
        return all(
            kind in DIGESTS and digest(spki, kind) in values
            for kind, values in self.digests.items()
        )


def name_servers(host: str) -> dict[str, list[str]]:
    """Return the name servers of a host's zone with their addresses.

    Raises CertificateError if the host's own resolver does not find them.
    """
    try:
        zone = dns.resolver.zone_for_name(host)
        servers = [str(record.target) for record in dns.resolver.resolve(zone, "NS")]
        addresses: dict[str, list[str]] = {}
        for server in sorted(servers):
            addresses[server] = []
            for kind in ("A", "AAAA"):
                with suppress(dns.resolver.NoAnswer):
                    found = dns.resolver.resolve(server, kind)
                    addresses[server] += [record.address for record in found]
        return addresses
    except dns.exception.DNSException as error:
        raise CertificateError(
            f"the name servers of {host} cannot be found: {reason(error)}; "
            "check this host's resolver"
        ) from error


def ask(server: str, addresses: list[str], name: str) -> list[Answer]:
    """Return the answer from each address of a server, without those that cannot be reached.

    Raises CertificateError if none answers, or if an answer is not authoritative.
    """
    query = dns.message.make_query(name, dns.rdatatype.TLSA)
    answers: list[Answer] = []
    why = "it has no address"
    for address in addresses:
        try:
            response = dns.query.udp_with_fallback(query, address, TIMEOUT)[0]
        except (OSError, dns.exception.DNSException) as error:
            why = str(error) or type(error).__name__
            continue
        if not response.flags & dns.flags.AA:
            raise CertificateError(
                f"the name server {server} is not authoritative for {name}; check its zone, or the "
                "NS records that name it"
            )
        answers.append(_answer(server, name, response))
    if not answers:
        raise CertificateError(f"the name server {server} does not answer for {name}: {why}")
    return answers


def _answer(server: str, name: str, response: dns.message.Message) -> Answer:
    digests: dict[int, set[str]] = {}
    ttl = 0
    # Including the target of a CNAME, if this server has it.
    for rrset in response.answer:
        for record in rrset if rrset.rdtype == dns.rdatatype.TLSA else ():
            ttl = rrset.ttl
            # Records with other parameters contain none of our keys.
            values = digests.setdefault(record.mtype, set())
            if (record.usage, record.selector) == (3, 1):
                values.add(record.cert.hex())
    if response.answer and not digests:
        raise CertificateError(
            f"the name server {server} has a CNAME at {name} that leads to no TLSA records of its "
            "own; remove it, and run site.yml"
        )
    return Answer(server, name, {kind: frozenset(values) for kind, values in digests.items()}, ttl)


def published(host: str, ports: Iterable[int]) -> list[Answer]:
    """Return the TLSA RRset of each port on each name server. Raises CertificateError."""
    ports = list(ports)
    return [
        answer
        for server, addresses in (name_servers(host) if ports else {}).items()
        for port in ports
        for answer in ask(server, addresses, f"_{port}._tcp.{host}")
    ]


def why_unpinned(answers: Iterable[Answer], spki: bytes) -> str | None:
    """Return which server's records would make senders refuse the key, or None."""
    for answer in answers:
        if not answer.pins(spki):
            return (
                f"{answer.server} serves TLSA records at {answer.name} without the key "
                f"{digest(spki)}, so mail to this host would be refused; run site.yml, which "
                "publishes them"
            )
    return None


def is_everywhere(answers: Iterable[Answer], spki: bytes) -> bool:
    """Whether each server has records, and each RRset includes the key."""
    answers = list(answers)
    return bool(answers) and all(answer.digests and answer.pins(spki) for answer in answers)
