# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolver, checked with one query."""

from __future__ import annotations

import socket

from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding
from pillarbox.status.parts import Parts

# Seconds.
PATIENCE = 2.0
# Asks for the SOA record of the root, which every resolver has cached, and whether it is authentic
# (RFC 1035 section 4.1; RFC 6840 section 5.7: AD in a query asks for it without signatures).
NUMBER = b"PB"
QUESTION = NUMBER + bytes.fromhex("0120 0001 0000 0000 0000  00 0006 0001")
AUTHENTIC, RCODE = 0x20, 0x0F
RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def look(parts: Parts, now: float) -> list[Finding]:
    """Check whether it answers, and validates DNSSEC."""
    if "resolver" not in parts:
        return []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE)
        asking.connect((parts["resolver"]["address"], 53))
        try:
            asking.send(QUESTION)
            answer = asking.recv(4096)
        except ConnectionRefusedError:
            # That it does not run is reported for its daemon.
            return [Finding("resolver", "", UNKNOWN, "not running")]
        except TimeoutError:
            answer = b""
    return [verdict(answer)]


def verdict(answer: bytes) -> Finding:
    """Return the finding for an answer; an empty one means no answer."""
    why = (
        "compare dig . SOA with dig +cd . SOA, which does not validate: if only that one has an"
        " answer, see timedatectl whether the clock is right"
    )
    if len(answer) < 12 or not answer.startswith(NUMBER):
        return Finding("resolver", "", ATTENTION, f"no answer in {PATIENCE:.0f} s", why)
    rcode = answer[3] & RCODE
    if rcode:
        text = f"cannot look up the root: {RCODES.get(rcode, f'RCODE {rcode}')}"
        return Finding("resolver", "", ATTENTION, text, why)
    if not answer[3] & AUTHENTIC:
        remedy = "run site.yml; then check whether resolver_extra turns validation off"
        return Finding("resolver", "", ATTENTION, "answers, but does not validate DNSSEC", remedy)
    return Finding("resolver", "", OK, "answers, and validates DNSSEC")
