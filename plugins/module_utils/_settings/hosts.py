# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that no two mail servers of an inventory publish records for the same name. Pure.

This module util is PRIVATE to the collection.

A run replaces whole RRsets, so each of the two would remove the records of the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    member,
)

SETTINGS = ("mail_hostname", "mail_domains", "mail_dns")

Settings = Mapping[str, Any]


def contested(host: str, hosts: Mapping[str, Settings]) -> Iterator[Problem]:
    """Yield the names and zone files that both a host and another one claim.

    Args:
        host: its name in the inventory.
        hosts: the SETTINGS of all mail servers, including this host, by their names in the
            inventory. Missing or malformed ones claim nothing.
    """
    ours = _names(hosts[host])
    for other, settings in hosts.items():
        if other == host:
            continue
        theirs = _names(settings)
        for name, where in ours.items():
            # A domain parked on both has the same records from both.
            if name in theirs and not (_parked(hosts[host], name) and _parked(settings, name)):
                yield (
                    where,
                    f"{name} is on both {host} and {other}, which would replace each other's DNS"
                    " records; keep it on one of them",
                )
        for _path, zone in sorted(_files(hosts[host]) & _files(settings)):
            yield (
                "mail_dns.zones",
                f"has {zone} on both {host} and {other}, which would overwrite each other's file;"
                " set a different mail_dns.path for each",
            )


def _names(settings: Settings) -> dict[str, str]:
    """Return the names that a host publishes records for, and where each of them is set."""
    names = {name: member("mail_domains", name) for name in _mapping(settings, "mail_domains")}
    hostname = settings.get("mail_hostname")
    return {**({hostname: "mail_hostname"} if isinstance(hostname, str) else {}), **names}


def _parked(settings: Settings, name: str) -> bool:
    domain = _mapping(settings, "mail_domains").get(name)
    return isinstance(domain, Mapping) and domain.get("parked") is True


def _files(settings: Settings) -> set[tuple[str, str]]:
    """Return the zone files that a host's settings name, by their directory and zone."""
    dns = _mapping(settings, "mail_dns")
    zones = dns.get("zones")
    if dns.get("provider", "zonefile") != "zonefile" or not isinstance(zones, list):
        return set()
    return {(str(dns.get("path", "")), str(zone)) for zone in zones}


def _mapping(settings: Settings, name: str) -> Mapping[str, Any]:
    value = settings.get(name)
    return value if isinstance(value, Mapping) else {}
