# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain names as the DNS holds them, and the one exception of everything DNS in here."""

from __future__ import annotations

from contextlib import suppress

with suppress(ImportError):  # the module or filter that is used says what to install
    import dns.exception
    import dns.name


class DnsError(Exception):
    """What is wrong, where, and what to do about it: one sentence for the user."""


def to_name(text: str) -> dns.name.Name:
    """Return the absolute name that *text* means, in lower case and with A-labels (RFC 5891).

    U-labels are mapped as users type them (UTS 46, so ``BÜCHER`` is ``bücher``); a final dot may be
    left out. Raises DnsError.
    """
    # Underscored and wild card labels stand beside U-labels in one name, hence allow_pure_ascii.
    codec = dns.name.IDNA2008Codec(uts_46=True, allow_pure_ascii=True)
    try:
        name = dns.name.from_text(str(text), idna_codec=codec).canonicalize()
    except dns.name.NoIDNA2008:
        raise DnsError(
            f"{text} has letters beyond ASCII, which needs the Python package idna:"
            " install it, or write the name with its xn-- labels"
        ) from None
    except dns.exception.DNSException as error:
        raise DnsError(f"{text!r} is not a domain name: {error}") from error
    if name == dns.name.root:
        raise DnsError("the empty name is not the name of a domain")
    return name


def to_text(name: dns.name.Name) -> str:
    """Return *name* without its final dot, as people write it."""
    return name.to_text(omit_final_dot=True)
