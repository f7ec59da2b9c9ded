# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address that a client or a person gives."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

# RFC 5321 section 4.5.3.1, with RFC 3696 erratum 1690 for the whole.
LONGEST_LOCAL_PART, LONGEST = 64, 254
# What an account may have before the "@" (check_settings), and the name of a device after "+".
_WORD = r"[a-z0-9_'&=^~-]+"
_LOCAL_PART = re.compile(rf"({_WORD}(?:\.{_WORD})*)(\+[a-z0-9_-]+)?", re.IGNORECASE | re.ASCII)


class BadAddress(Exception):
    """No address."""


class OtherDomain(Exception):
    """An address in a domain that this server does not have; the argument is the domain."""


class Address(NamedTuple):
    """An address, and the login name that goes with it."""

    # With "+" and the name of the device, if it has a password of its own.
    login: str
    mail: str
    domain: str


def domain_of(text: str, domains: Container[str]) -> str:
    """Return the domain of an address, in ASCII. Raises BadAddress or OtherDomain."""
    try:
        domain = text.rpartition("@")[2].strip().encode("idna").decode().lower()
    except UnicodeError:
        domain = ""
    if not domain:
        raise BadAddress
    if domain not in domains:
        raise OtherDomain(domain)
    return domain


def parse(text: str, domains: Container[str]) -> Address:
    """Return an address of one of these domains. Raises BadAddress or OtherDomain.

    Whether somebody has this address is not looked up: the answer would tell everybody.
    """
    local = text.strip().rpartition("@")[0]
    match = _LOCAL_PART.fullmatch(local)
    if not match or len(local) > LONGEST_LOCAL_PART or len(text) > LONGEST:
        raise BadAddress
    domain = domain_of(text, domains)
    return Address(f"{local.lower()}@{domain}", f"{match[1].lower()}@{domain}", domain)
