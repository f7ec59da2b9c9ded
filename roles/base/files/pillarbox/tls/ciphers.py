# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of TLS cipher suites (RFC 8446 section 4.1.2), by the names that OpenSSL logs."""

from __future__ import annotations

import ssl
from functools import cache


@cache
def numbers() -> dict[str, str]:
    """Return the numbers of all cipher suites that the host's OpenSSL knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # openssl-ciphers(1): also those that are not in ALL, and those without authentication.
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    # The lower half is the number in the protocol: SSL_CIPHER_get_protocol_id(3).
    return {
        cipher["name"]: f"0x{cipher['id'] >> 8 & 0xFF:02X},0x{cipher['id'] & 0xFF:02X}"
        for cipher in context.get_ciphers()
    }


def number(name: str) -> str:
    """Return the number of a cipher suite, empty if OpenSSL does not know it any more."""
    return numbers().get(name, "")
