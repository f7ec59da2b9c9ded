# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain names in canonical form, and the exception that all DNS code here raises."""

from __future__ import annotations

from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name

try:
    import dns.exception
    import dns.name

    HAS_DNSPYTHON = True
except ImportError:
    HAS_DNSPYTHON = False  # dns_records reports what to install


class DnsError(Exception):
    """A DNS error; its text is one sentence with the place, the fault and the remedy."""


class NoAddressError(DnsError):
    """A record would refer to a host that has no address."""


def to_name(text: str) -> dns.name.Name:
    """Return *text* as an absolute name in lower case, with U-labels converted to A-labels.

    The final dot is optional. Raises DnsError.
    """
    try:
        ascii_text = text if text.isascii() else domain_name(text.rstrip("."), underscore=True)
        name = dns.name.from_text(ascii_text.lower())
        if "\\" in ascii_text:  # an escape such as \065 may stand for an upper-case letter
            name = name.canonicalize()
    except (NamesError, dns.exception.DNSException) as error:
        raise DnsError(f"{text!r} is not a domain name: {error}.") from error
    if name == dns.name.root:
        raise DnsError("A record or zone has an empty name: write it in full.")
    return name


def to_text(name: dns.name.Name) -> str:
    """Return *name* as text without its final dot."""
    return name.to_text(omit_final_dot=True)
