# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of providers, and the choice of one by the options of dns_records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import to_name
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import ZonePlan
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.primary import primary_of
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server, tsig_key
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.rfc2136 import Rfc2136
from ansible_collections.pillarbox.mail.plugins.module_utils._providers.zonefile import (
    FilePlan,
    Zonefile,
)

# What a zone has of the listed records, and what it shall have.
Plan = TypeVar("Plan", ZonePlan, FilePlan)


class Provider(Protocol[Plan]):
    """A way to change zones. Each method raises DnsError with what stands in the way."""

    updates_sent: int

    def plan(self, records: Sequence[Record]) -> list[Plan]:
        """Read what the zones of the records have, and say what to change. Changes nothing."""

    def apply(self, plans: Sequence[Plan]) -> None:
        """Change what differs and read it back, each zone independently of the others."""

    def wait(self, plans: Sequence[Plan], timeout: float) -> None:
        """Return once every name server of the zones serves the records, in seconds at most."""


def provider_of(params: Mapping[str, Any], records: Sequence[Record]) -> Provider[Any]:
    """Return the provider that the options of dns_records mean. Raises DnsError."""
    zones = [to_name(zone) for zone in params["zones"]]
    if params["provider"] == "zonefile":
        return Zonefile(params["path"], zones)
    if params["provider"] == "octodns":
        # Here, as octoDNS takes a while to load.
        from ansible_collections.pillarbox.mail.plugins.module_utils._octodns.service import Service
        from ansible_collections.pillarbox.mail.plugins.module_utils._providers.octodns import (
            Octodns,
        )

        return Octodns(Service(params["provider_class"], params["provider_options"]), zones)
    key = None
    if params["tsig_name"]:
        key = tsig_key(params["tsig_name"], params["tsig_secret"], params["tsig_algorithm"])
    server = params["server"] or primary_of(zones or [record.name for record in records])
    published = [to_name(host) for host in params["published_hosts"]]
    return Rfc2136(Server(server, server, params["port"], key), zones, published=published)
