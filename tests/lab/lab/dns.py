# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name servers of the lab say, and what signatures are worth by that."""

from __future__ import annotations

import re

import dkim

from tests.lab.lab.hosts import PRIMARY, on


def dig(name: str, rdtype: str, server: str = PRIMARY) -> list[str]:
    """The values of an RRset as an authoritative server has them, without dig's own spacing."""
    answer = on("internet", f"dig +short +tries=2 +time=3 @{server} {name} {rdtype}")
    return answer.split("\n")[:-1]


def txt_record(name: bytes, timeout: float = 5) -> bytes:
    """A TXT record as the lab's name server publishes it, for dkimpy."""
    strings = dig(name.decode(), "TXT")
    return "".join(re.findall(r'"([^"]*)"', "".join(strings))).encode()


def signatures(arrived: bytes) -> list[tuple[str, bool]]:
    """The selector of each DKIM signature, and whether dkimpy finds it valid by the lab's DNS."""
    verifier = dkim.DKIM(arrived)
    found = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    selectors = [re.findall(rb"\bs=([^;]+);", value)[0].decode() for value in found]
    return sorted(
        (selector, verifier.verify(index, dnsfunc=txt_record))
        for index, selector in enumerate(selectors)
    )
