# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks have to know of this host, from the parts of the roles."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dns.name

from pillarbox import lookup
from pillarbox.status.parts import Parts

# Seconds for each question to the resolver.
PATIENCE = 8.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Settings:
    """The settings of the collection that the checks compare with what others see."""

    hostname: str
    # mail_host_addresses.
    listed: list[str]
    # Domains that exchange mail here, without parked ones.
    domains: list[str]
    # Domains and accounts whose mail leaves by another server.
    smarthosts: list[str]
    # Ports with TLS.
    ports: list[int]
    parts: Parts = field(repr=False)

    @cached_property
    def addresses(self) -> list[Address]:
        """The public addresses of the host: those in the settings, or else those in DNS.

        Raises lookup.Unknown.
        """
        found = self.listed or [
            record.address for kind in ("A", "AAAA") for record in ask(self.hostname, kind).records
        ]
        return [ipaddress.ip_address(address) for address in found]


def settings_of(parts: Parts) -> Settings:
    """Return the settings in the parts. Raises KeyError if site.yml has not written them yet."""
    mine: dict[str, Any] = parts["base"]["check"]
    return Settings(**mine, parts=parts)


def ask(name: str | dns.name.Name, kind: str) -> lookup.Answer:
    """Ask the resolver. Raises lookup.Unknown."""
    asked = dns.name.from_text(name) if isinstance(name, str) else name
    return lookup.ask(asked, kind, PATIENCE)


def texts(name: str, prefix: str) -> list[str]:
    """Return the TXT records at a name that begin with a prefix. Raises lookup.Unknown."""
    found = [
        b"".join(record.strings).decode(errors="replace") for record in ask(name, "TXT").records
    ]
    return [text for text in found if text.lower().startswith(prefix.lower())]
