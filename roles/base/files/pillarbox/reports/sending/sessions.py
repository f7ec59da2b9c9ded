# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the datagrams of libtlsrpt: how a TLS session to a server of a domain ended."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pillarbox.reports.foreign import Refused, domain, plain

# tlsrpt_policy_type_t and tlsrpt_failure_t in tlsrpt.h, and their names in RFC 8460.
POLICIES = {1: "tlsa", 2: "sts", 9: "no-policy-found"}
RESULTS = {
    201: "starttls-not-supported",
    202: "certificate-host-mismatch",
    203: "certificate-not-trusted",
    204: "certificate-expired",
    205: "validation-failure",
    301: "sts-policy-fetch-error",
    302: "sts-policy-invalid",
    303: "sts-webpki-invalid",
    304: "tlsa-invalid",
    305: "dnssec-invalid",
    306: "dane-required",
}
# The members of a failure in a datagram, and in a report.
DETAILS = {
    "s": "sending-mta-ip",
    "n": "receiving-mx-hostname",
    "r": "receiving-ip",
    "f": "failure-reason-code",
}
# Others chose these: lines of a policy, and the length of one.
MOST_LINES, LONGEST = 50, 600


class Session(NamedTuple):
    """How a session ended by one policy of the domain.

    Attributes:
        domain: the one that asks for reports.
        policy: the object "policy" of RFC 8460, as JSON.
        failures: the objects "failure-details" without their number, as JSON.
        failed: whether the session failed.
    """

    domain: str
    policy: str
    failures: tuple[str, ...]
    failed: bool


def parse(datagram: bytes) -> list[Session]:
    """Return what a datagram says by each policy. Raises Refused if it is none of libtlsrpt."""
    try:
        found = json.loads(datagram)
        name = domain(found["d"])
        if not name:
            raise Refused("it is about no domain")
        return [_session(name, each) for each in found["policies"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"it is not of libtlsrpt ({type(error).__name__})") from error


def _session(name: str, found: dict[str, Any]) -> Session:
    policy: dict[str, Any] = {
        "policy-type": POLICIES[found["policy-type"]],
        # The host name of the server, if that has TLSA records (RFC 8460, section 1.1).
        "policy-domain": domain(found.get("policy-domain", "")) or name,
    }
    for key in ("policy-string", "mx-host"):
        if lines := [plain(line, LONGEST) for line in found.get(key, [])[:MOST_LINES]]:
            policy[key] = lines
    failures = [
        {"result-type": RESULTS.get(each["c"], "validation-failure")}
        | {there: plain(each[here]) for here, there in DETAILS.items() if each.get(here)}
        for each in found.get("failure-details", [])[:MOST_LINES]
    ]
    return Session(name, canonical(policy), tuple(map(canonical, failures)), bool(int(found["f"])))


def canonical(value: dict[str, Any]) -> str:
    """Return JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True)
