# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for a host, and what it has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Any

import dns.name

from pillarbox import lookup
from pillarbox.check.names import TRANSLATED
from pillarbox.check.outside.resolvers import KINDS
from pillarbox.check.settings import Address, ask, is_in

# Seconds for a resolver to show that it answers.
PATIENCE = 2.0
# The unique local addresses of IPv6 (RFC 4193), with which nobody reaches the Internet.
UNIQUE_LOCAL = ("fc00::/7",)
PRIVATE = (*TRANSLATED, *UNIQUE_LOCAL)


@dataclass(frozen=True)
class Plan:
    """The options of the module preflight_info, and what it has seen of the host.

    Args:
        planned: the addresses that will be published for the name.
        dns_lists: for each DNS list, the weights of its answers.
        host: as the module's part on the host returns it.
    """

    hostname: str
    domains: list[str]
    planned: list[Address]
    smarthost: bool
    dns_lists: dict[str, dict[str, int]]
    resolvers: list[str]
    host: dict[str, Any]

    @cached_property
    def resolver(self) -> str:
        """The first resolver that answers. Raises lookup.Unknown."""
        for resolver in self.resolvers:
            try:
                lookup.ask(dns.name.root, "NS", PATIENCE, resolver)
            except lookup.Unknown:
                continue
            return resolver
        tried = ", ".join(self.resolvers)
        raise lookup.Unknown(f"no resolver answers ({tried}); set check_resolvers to others")

    def ask(self, name: str | dns.name.Name, kind: str) -> lookup.Answer:
        """Ask the resolver. Raises lookup.Unknown."""
        return ask(name, kind, self.resolver)

    @cached_property
    def published(self) -> list[Address]:
        """The addresses that the name has in DNS. Raises lookup.Unknown."""
        return [
            ip_address(record.address)
            for kind in KINDS.values()
            for record in self.ask(self.hostname, kind).records
        ]

    @cached_property
    def interfaces(self) -> list[Address]:
        """The global addresses of the interfaces."""
        return [ip_address(address) for address in self.host["addresses"]]

    @cached_property
    def addresses(self) -> list[Address]:
        """The public addresses of the host. Raises lookup.Unknown."""
        public = [one for one in self.interfaces if not is_in(one, PRIVATE)]
        return self.planned or self.published or public


def plan_of(given: dict[str, Any], host: dict[str, Any]) -> Plan:
    """Return the plan from JSON."""
    return Plan(
        hostname=given["hostname"].lower(),
        domains=given["domains"],
        planned=[ip_address(address) for address in given["addresses"]],
        smarthost=given["smarthost"],
        dns_lists=given["dns_lists"],
        resolvers=given["resolvers"],
        host=host,
    )
