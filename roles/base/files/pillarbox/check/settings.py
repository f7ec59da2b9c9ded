# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks have to know of this host, from the parts of the roles."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dns.name

from pillarbox import lookup
from pillarbox.status.ask import output_of
from pillarbox.status.parts import Parts

# Seconds for each question to the resolver.
PATIENCE = 8.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Asks a resolver for the records of a name and a type. Raises lookup.Unknown.
Ask = Callable[[str | dns.name.Name, str], lookup.Answer]
LOOPBACK = {4: ipaddress.ip_address("127.0.0.1"), 6: ipaddress.ip_address("::1")}


@dataclass(frozen=True)
class Settings:
    """The settings of the collection that the checks compare with what others see."""

    parts: Parts = field(repr=False)

    @property
    def base(self) -> dict[str, Any]:
        return self.parts["base"]

    @property
    def hostname(self) -> str:
        name: str = self.base["hostname"]
        return name

    @property
    def domains(self) -> list[str]:
        """The domains that exchange mail here, without parked ones."""
        domains: list[str] = self.base["domains"]
        return domains

    @property
    def names(self) -> list[str]:
        """The names of the host and of its domains."""
        return [self.hostname, *self.domains]

    @cached_property
    def addresses(self) -> list[Address]:
        """The public addresses of the host: those in the settings, or else those in DNS.

        Raises lookup.Unknown.
        """
        found = self.base["addresses"] or [
            record.address for kind in ("A", "AAAA") for record in ask(self.hostname, kind).records
        ]
        return [ipaddress.ip_address(address) for address in found]

    @cached_property
    def versions(self) -> list[int]:
        """The versions of IP that Postfix uses on this host."""
        wanted = output_of("/usr/sbin/postconf", "-h", "inet_protocols")
        return [
            version
            for version, name in ((4, "ipv4"), (6, "ipv6"))
            if ("all" in wanted or name in wanted) and is_here(LOOPBACK[version])
        ]

    @cached_property
    def doors(self) -> list[Address]:
        """The addresses at which this host can be reached from itself, one of each version.

        Behind a router that translates addresses, or without an answer from DNS, that is loopback.
        """
        try:
            addresses = self.addresses
        except lookup.Unknown:
            addresses = []
        return [
            next((a for a in addresses if a.version == version and is_here(a)), LOOPBACK[version])
            for version in self.versions
        ]

    @property
    def sends(self) -> bool:
        """Whether mail leaves from here, and not all of it by a smarthost."""
        return "*" not in self.smarthosts

    @property
    def smarthosts(self) -> list[str]:
        """The domains and accounts whose mail leaves by another server; "*" stands for all."""
        found: list[str] = self.parts["postfix"]["smarthosts"]
        return found

    @property
    def publish(self) -> str:
        """How what is wrong in DNS is put right."""
        return publish_by(self.base["dns"])


def settings_of(parts: Parts) -> Settings:
    """Return the settings in the parts. Raises KeyError if site.yml has not written them yet."""
    settings = Settings(parts)
    for key in ("addresses", "dns", "domains", "hostname", "ports", "tlsa_ports"):
        settings.base[key]
    parts["postfix"]["smarthosts"]
    return settings


def publish_by(provider: str) -> str:
    """Return how records are put right with a provider of mail_dns."""
    if provider == "zonefile":
        return "run site.yml, and copy the right records from the zone file that it writes"
    return "run site.yml, which publishes the right records"


def is_here(address: Address) -> bool:
    """Whether an interface of this host has an address."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def is_in(address: Address, networks: Iterable[str]) -> bool:
    """Whether an address is in one of these networks."""
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def ask(name: str | dns.name.Name, kind: str, resolver: str = lookup.RESOLVER) -> lookup.Answer:
    """Ask a resolver. Raises lookup.Unknown."""
    asked = dns.name.from_text(name) if isinstance(name, str) else name
    return lookup.ask(asked, kind, PATIENCE, resolver)


def texts(name: str, prefix: str = "") -> list[str]:
    """Return the TXT records at a name that begin with a prefix. Raises lookup.Unknown."""
    records = ask(name, "TXT").records
    found = [b"".join(record.strings).decode(errors="replace") for record in records]
    return [text for text in found if text.lower().startswith(prefix.lower())]


def tags(record: str) -> dict[str, str]:
    """Return the tags of a record, as in RFC 6376 section 3.2."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {key.strip().lower(): value.strip() for key, sign, value in pairs if sign}
