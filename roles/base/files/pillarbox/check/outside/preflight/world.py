# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others know of the host: its addresses, their names, DNS lists and DNSSEC."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import product

import dns.name

from pillarbox import lookup
from pillarbox.check import lists, names
from pillarbox.check.dnssec import zones_of
from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, WARNING, Finding
from pillarbox.check.name_servers import delegation
from pillarbox.check.outside.preflight.plan import UNIQUE_LOCAL, Plan
from pillarbox.check.settings import Address, Ask, ask, is_in


def addresses(plan: Plan) -> Iterator[Finding]:
    """Check that the host's name has its addresses in DNS, or will have them after the run."""
    if not plan.planned and not plan.published:
        own = f" to {', '.join(map(str, plan.interfaces))}" if plan.interfaces else ""
        remedy = f"set mail_host_addresses{own}, or publish A and AAAA records yourself"
        wanted = "A or AAAA records"
        yield Finding("address", plan.hostname, CRITICAL, "not in DNS", wanted, remedy)
        return
    yield from each("address", plan.addresses, lambda address: _address(plan, address))


def _address(plan: Plan, address: Address) -> Finding:
    def finding(status: str, found: str) -> Finding:
        return Finding("address", str(address), status, found)

    if address not in plan.interfaces:
        text = "on no interface, so a router must pass all ports to this host (NAT)"
        return finding(NOTE, text)
    if address not in plan.published:
        return finding(NOTE, "not in DNS yet; site.yml publishes mail_host_addresses")
    return finding(OK, "in DNS, and on an interface")


def leaving(plan: Plan) -> Iterator[Finding]:
    """Check that mail would leave from one of the addresses; "address" says if there are none."""
    for version, source in plan.host["sources"].items() if plan.addresses else ():
        own = [str(address) for address in plan.addresses if str(address.version) == version]
        if own or source and not is_in(ip_address(source), UNIQUE_LOCAL):
            yield names.leaving(plan.hostname, int(version), source, own, not plan.smarthost)


def reverse(plan: Plan) -> Iterator[Finding]:
    """Check that each address has the host's name; whether the name has it, "address" says."""
    return each(
        "reverse name",
        plan.addresses,
        lambda address: names.pointer(plan.hostname, address, not plan.smarthost, plan.ask),
    )


def listed(plan: Plan) -> Iterator[Finding]:
    """Check each address on DNS lists."""
    # As in postscreen(8), only answers with a positive weight count against an address.
    filters = {
        dnsbl: counting
        for dnsbl, answers in plan.dns_lists.items()
        if (counting := [answer for answer, weight in answers.items() if int(weight) > 0])
    }
    asked = product(plan.addresses, filters.items())
    return each("DNS list", asked, lambda one: _listed(plan, one[0], *one[1]))


def _listed(plan: Plan, address: Address, dnsbl: str, filters: list[str]) -> Finding:
    finding = lists.listed(address, dnsbl, filters, _servers_of(dnsbl, plan.ask))
    # It keeps nobody from setting up the host.
    return finding._replace(status=WARNING) if finding.status == CRITICAL else finding


def _servers_of(dnsbl: str, resolve: Ask) -> Ask:
    """Return a function that asks the name servers of a list.

    Many lists refuse queries of public resolvers, which others share.
    """

    def asked(name: str | dns.name.Name, kind: str) -> lookup.Answer:
        _zone, hosts = delegation(dnsbl, resolve)
        servers = [record.address for host in hosts for record in resolve(host, "A").records]
        failure = lookup.Unknown(f"{dnsbl} has no name server")
        for server in servers[:3]:
            try:
                return ask(name, kind, server)
            except lookup.Unknown as unknown:
                failure = unknown
        raise failure

    return asked


def signed(plan: Plan) -> Iterator[Finding]:
    """Check that the zones are signed, without which there is no DANE."""
    return zones_of([plan.hostname, *plan.domains], plan.resolver)
