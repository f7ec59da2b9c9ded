# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain names as the DNS holds them, and the one exception of everything DNS in here."""

from __future__ import annotations

from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name

try:
    import dns.exception
    import dns.name

    HAS_DNSPYTHON = True
except ImportError:
    HAS_DNSPYTHON = False  # dns_records says what to install


class DnsError(Exception):
    """What is wrong, where, and what to do about it: one sentence for the user."""


def to_name(text: str) -> dns.name.Name:
    """Return the absolute name that *text* means, in lower case, U-labels made A-labels.

    A final dot may be left out. Raises DnsError.
    """
    try:
        ascii_text = text if text.isascii() else domain_name(text.rstrip("."), underscore=True)
        name = dns.name.from_text(ascii_text.lower())
        if "\\" in ascii_text:  # an upper-case letter may be written by its number
            name = name.canonicalize()
    except (NamesError, dns.exception.DNSException) as error:
        raise DnsError(f"{text!r} is not a domain name: {error}.") from error
    if name == dns.name.root:
        raise DnsError("A record or zone has an empty name: write it in full.")
    return name


def to_text(name: dns.name.Name) -> str:
    """Return *name* without its final dot, as people write it."""
    return name.to_text(omit_final_dot=True)
