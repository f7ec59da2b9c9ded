# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role web tells this service: /etc/pillarbox/parts/setup.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Server(NamedTuple):
    """A port on which clients log in."""

    port: int
    # "tls" from the first byte (RFC 8314), or "starttls".
    security: str


@dataclass(frozen=True)
class Settings:
    """Where clients log in, and for which domains."""

    hostname: str
    domains: frozenset[str]
    # The path of the page on the host's own name.
    path: str
    # The servers of each protocol, the preferred one first.
    services: dict[str, list[Server]]
    dav: str | None
    webmail: str | None
    certificates: Path

    @classmethod
    def of(cls, part: dict[str, Any]) -> Settings:
        """Read the part."""
        hostname, dav = part["hostname"], part["dav"]
        return cls(
            hostname=hostname,
            domains=frozenset(part["domains"]),
            path=part["path"],
            services={
                protocol: [Server(server["port"], server["security"]) for server in servers]
                for protocol, servers in part["services"].items()
                if servers
            },
            dav=f"https://{hostname}{dav}" if dav else None,
            webmail=part["webmail"],
            certificates=Path(part["certificates"]),
        )
