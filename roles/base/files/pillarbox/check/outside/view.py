# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller knows of a host before it looks."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from pillarbox.check.settings import Address


@dataclass(frozen=True)
class View:
    """The settings of a host, its records, and which of them its name servers do not serve.

    Args:
        addresses: the public addresses; if there are none, those that resolvers find count.
        records: as the filter mail_records returns them.
        unserved: as the module dns_served_info returns it.
        resolvers: the addresses of resolvers that are not the host's.
    """

    hostname: str
    domains: list[str]
    ports: list[int]
    addresses: list[Address]
    relay_networks: list[str]
    provider: str
    records: list[dict[str, Any]]
    unserved: list[dict[str, Any]]
    resolvers: list[str]


def view_of(given: dict[str, Any]) -> View:
    """Return the view from JSON."""
    return View(**{**given, "addresses": [ip_address(one) for one in given["addresses"]]})
