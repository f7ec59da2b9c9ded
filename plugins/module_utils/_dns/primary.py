# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the primary name server that zones name in their SOA records."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.plan import enclosing

with suppress(ImportError):  # dns_records says what to install
    import dns.exception
    import dns.name
    import dns.rdatatype
    import dns.resolver


def primary_of(names: Iterable[dns.name.Name]) -> str:
    """Return the MNAME (RFC 1035 section 3.3.13) of the zones that *names* are in.

    The system's resolver is asked. Raises DnsError when it finds none, or more than one.
    """
    primaries: dict[dns.name.Name, str] = {}
    for name in names:
        # A child zone that this misses has another primary, which then says that it is not its own.
        if enclosing(name, primaries.keys()) is None:
            try:
                zone = dns.resolver.zone_for_name(name)
                answer = dns.resolver.resolve(zone, dns.rdatatype.SOA)
            except dns.exception.DNSException as error:
                raise DnsError(
                    f"The zone of {to_text(name)} cannot be found by this machine's resolver"
                    f" ({error}): give server, the primary name server."
                ) from error
            primaries[zone] = to_text(answer[0].mname)
    by_primary = {primary: to_text(zone) for zone, primary in primaries.items()}
    if len(by_primary) != 1:
        found = ", ".join(sorted(f"{zone} at {primary}" for primary, zone in by_primary.items()))
        raise DnsError(
            f"The zones have different primaries ({found}): give server, and bring the zones of"
            " each to their records by a call of its own."
        )
    return next(iter(by_primary))
