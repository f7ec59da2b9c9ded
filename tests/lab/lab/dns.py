# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Query the name servers of the lab, and verify DKIM signatures with their records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import dkim

from tests.lab.lab.hosts import PRIMARY, STATE, TTL, on


def dig(name: str, rdtype: str, server: str = PRIMARY) -> list[str]:
    """Return the values of an RRset on an authoritative server."""
    answer = on("internet", f"dig +short +tries=2 +time=3 @{server} {name} {rdtype}")
    return answer.split("\n")[:-1]


def publish(records: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Replace RRsets, given by name and type, by hand; one without values is removed."""
    key = (STATE / "secrets" / "tsig-record-set").read_text().strip()
    session = [f"server {PRIMARY}", f"key hmac-sha256:record-set {key}"]
    for (name, rdtype), values in records.items():
        session.append(f"update delete {name} {rdtype}")
        session += [f"update add {name} {TTL} {rdtype} {value}" for value in values]
    on("internet", "nsupdate", "\n".join([*session, "send", ""]))


def txt_record(name: bytes, timeout: float = 5) -> bytes:
    """Return a TXT record of the lab's name server, for dkimpy."""
    strings = dig(name.decode(), "TXT")
    return "".join(re.findall(r'"([^"]*)"', "".join(strings))).encode()


def signatures(arrived: bytes) -> list[tuple[str, bool]]:
    """Return the selector of each DKIM signature, and whether dkimpy finds the signature valid."""
    verifier = dkim.DKIM(arrived)
    found = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    selectors = [re.findall(rb"\bs=([^;]+);", value)[0].decode() for value in found]
    return sorted(
        (selector, verifier.verify(index, dnsfunc=txt_record))
        for index, selector in enumerate(selectors)
    )
