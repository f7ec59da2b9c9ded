# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the primary name server of zones by their SOA records."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import enclosing_zone

with suppress(ImportError):  # dns_records reports what to install
    import dns.exception
    import dns.name
    import dns.rdatatype
    import dns.resolver


def primary_of(names: Iterable[dns.name.Name]) -> str:
    """Return the MNAME (RFC 1035 section 3.3.13) of the zones that contain *names*.

    Uses the system's resolver. Raises DnsError when there is no such server, or more than one.
    """
    primaries: dict[dns.name.Name, str] = {}
    for name in names:
        # This may miss a child zone on another primary; the update then fails with NOTAUTH.
        if enclosing_zone(name, primaries.keys()) is None:
            try:
                zone = dns.resolver.zone_for_name(name)
                answer = dns.resolver.resolve(zone, dns.rdatatype.SOA)
            except dns.exception.DNSException as error:
                raise DnsError(
                    f"This machine's resolver cannot find the zone of {to_text(name)} ({error}):"
                    " set server to the primary name server."
                ) from error
            primaries[zone] = to_text(answer[0].mname)
    by_primary = {primary: to_text(zone) for zone, primary in primaries.items()}
    if len(by_primary) != 1:
        found = ", ".join(sorted(f"{zone} at {primary}" for primary, zone in by_primary.items()))
        raise DnsError(
            f"The zones have different primaries ({found}): set server, and change the zones of"
            " each primary by a task of its own."
        )
    return next(iter(by_primary))
