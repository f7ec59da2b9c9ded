# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Postfix tells of TLS sessions."""

from __future__ import annotations

import json
from typing import Any

from pillarbox.reports.sending import sessions, settings
from pillarbox.reports.sending.outbox import DAY, Outbox

MORNING = 1795651200 + 6 * 3600
MIDNIGHT = MORNING - 6 * 3600 + DAY
GIVEN = settings.Settings("mailreports@example.org", 10006)
URI = "mailto:tls@example.net"
RECORD = f"v=TLSRPTv1; rua={URI}"


def datagram(domain: str = "example.net", *failures: dict[str, Any], **policy: Any) -> bytes:
    """What libtlsrpt 0.5 sends for a session."""
    found = {
        "policy-type": 1,
        "policy-domain": f"mx.{domain}",
        "policy-string": ["3 1 1 ABCD"],
        "t": len(failures),
        "f": int(bool(failures)),
    } | policy
    # It leaves out what Postfix does not have.
    found = {name: value for name, value in found.items() if value is not None}
    if failures:
        found["failure-details"] = list(failures)
    return json.dumps({"d": domain, "pr": RECORD, "policies": [found]}).encode()


def failure(**more: Any) -> dict[str, Any]:
    return {"c": 203, "s": "192.0.2.25", "n": "mx.example.net", "r": "198.51.100.7"} | more


def count(box: Outbox, *datagrams: bytes, now: float = MORNING) -> None:
    for each in datagrams:
        box.add(sessions.parse(each), now)
