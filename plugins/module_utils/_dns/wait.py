# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until authoritative servers serve the desired records."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ansible_collections.pillarbox.mail.plugins.module_utils._dns.name import DnsError, to_text
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.query import Server
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.read import compare
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record

with suppress(ImportError):  # dns_records reports what to install
    import dns.exception
    import dns.name
    import dns.resolver

# The records that each server must serve, by zone.
Duties = dict[Server, dict["dns.name.Name", list[Record]]]


def servers_of(
    zone: dns.name.Name, resolver: dns.resolver.Resolver | None = None
) -> dict[dns.name.Name, list[str]]:
    """Return the name servers of *zone* with their addresses, as resolved here.

    The default for *resolver* is the system's. Raises DnsError.
    """
    found: dict[dns.name.Name, list[str]] = {}
    try:
        resolver = resolver or dns.resolver.Resolver()
        for rdata in resolver.resolve(zone, "NS"):
            for rdtype in ("A", "AAAA"):
                answer = resolver.resolve(rdata.target, rdtype, raise_on_no_answer=False)
                addresses = [item.address for item in answer.rrset or ()]
                found.setdefault(rdata.target, []).extend(addresses)
    except dns.exception.DNSException as error:
        raise DnsError(
            f"The name servers of zone {to_text(zone)} cannot be found ({error}): check that the"
            " zone is delegated, or set wait to false."
        ) from error
    return {host: addresses for host, addresses in found.items() if addresses}


def reachable(host: dns.name.Name, addresses: Sequence[str], port: int) -> Server:
    """Return *host* as a server at its first reachable address, or at its first if none is."""
    for address in addresses:
        with suppress(OSError), socket.create_connection((address, port), 3):
            return Server(to_text(host), address, port)
    return Server(to_text(host), addresses[0], port)


def wait_until_served(duties: Duties, timeout: float, remedy: str) -> None:
    """Return once every server serves its records.

    Raises DnsError after *timeout* seconds, with one server that does not and the reason; *remedy*
    ends the sentence.
    """
    deadline = time.monotonic() + timeout
    waiting = duties
    pause = 0.1
    while waiting:
        waiting, why = _not_yet_served(waiting, deadline, remedy)
        if waiting and time.monotonic() + pause > deadline:
            raise DnsError(f"After a timeout of {timeout:g} seconds, {why}")
        if waiting:
            time.sleep(pause)
            pause = min(2 * pause, 5)


def _not_yet_served(waiting: Duties, deadline: float, remedy: str) -> tuple[Duties, str]:
    """Return the part of *waiting* that is not served yet, and the reason for the last of it."""
    late: Duties = {}
    why = ""
    for server, zones in waiting.items():
        limit = max(0.5, min(server.timeout, deadline - time.monotonic()))
        try:
            behind = [
                plan for plan in compare(replace(server, timeout=limit), zones) if plan.changes
            ]
        except DnsError as error:
            late[server], why = zones, str(error)
            continue
        if behind:
            late[server] = {plan.zone: plan.records for plan in behind}
            why = f"{server} does not serve {behind[0].changes[0]} {remedy}"
    return late, why
