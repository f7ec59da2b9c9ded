# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask a resolver that validates DNSSEC: the host's own, or another."""

from __future__ import annotations

from typing import Any, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode

RESOLVER = "127.0.0.1"


class Unknown(Exception):
    """DNS gave no answer."""


class Answer(NamedTuple):
    """An RRset, empty if there is none, and the name at which it was found.

    The name itself may not exist (NXDOMAIN).
    """

    name: dns.name.Name
    records: list[Any]
    secure: bool
    exists: bool = True


def ask(name: dns.name.Name, rdtype: str, patience: float, resolver: str = RESOLVER) -> Answer:
    """Return the answer of the resolver, which it has validated. Raises Unknown.

    Args:
        patience: seconds to wait.
    """
    query = dns.message.make_query(name, rdtype, want_dnssec=True)
    try:
        response = dns.query.udp_with_fallback(query, resolver, timeout=patience)[0]
        if not isinstance(response, dns.message.QueryMessage) or response.rcode() not in (
            dns.rcode.NOERROR,
            dns.rcode.NXDOMAIN,
        ):
            raise Unknown(f"{name} {rdtype}: {dns.rcode.to_text(response.rcode())}")
        found = response.resolve_chaining()
    except (dns.exception.DNSException, OSError) as error:
        raise Unknown(f"{name} {rdtype}: {error}") from error
    secure = bool(response.flags & dns.flags.AD)
    exists = response.rcode() == dns.rcode.NOERROR
    return Answer(found.canonical_name, list(found.answer or ()), secure, exists)
