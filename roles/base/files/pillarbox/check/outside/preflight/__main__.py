# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what is planned for a host: ``python -m pillarbox.check.outside.preflight``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterable
from typing import Any

from pillarbox.check.finding import CRITICAL, WARNING, Finding
from pillarbox.check.output import as_text
from pillarbox.check.outside.preflight import host, world
from pillarbox.check.outside.preflight.plan import Plan, plan_of
from pillarbox.check.run import Check, run

# Seconds.
PATIENCE = 30.0
# In the order of the output; the module's option "accept" has the same names.
CHECKS: dict[str, Check[Plan]] = {
    "outgoing port 25": host.outgoing_port,
    "port in use": host.listeners,
    "clock": host.clock,
    "memory": host.memory,
    "disk": host.disk,
    "hosts file": host.hosts_file,
    "address": world.addresses,
    "outgoing address": world.leaving,
    "reverse name": world.reverse,
    "DNS list": world.listed,
    "DNSSEC": world.signed,
}


def accepted(findings: Iterable[Finding], accept: Collection[str]) -> list[Finding]:
    """Return the findings; those that the user accepts are no longer critical."""
    return [
        one._replace(status=WARNING, found=f"{one.found} (accepted)")
        if one.status == CRITICAL and one.check in accept
        else one
        for one in findings
    ]


def line(finding: Finding) -> str:
    """Return a finding in one line."""
    subject = f"{finding.check}, {finding.subject}" if finding.subject else finding.check
    return f"{subject}: {finding.found}" + (f"; {finding.remedy}" if finding.remedy else "")


def main() -> None:
    asked: dict[str, Any] = json.load(sys.stdin)
    try:
        plan = plan_of(**asked)
    except ValueError as error:
        sys.exit(str(error))
    findings = accepted(run(plan, PATIENCE, CHECKS).all(), asked["given"]["accept"])
    outcome = {
        "findings": [finding._asdict() for finding in findings],
        "critical": [line(finding) for finding in findings if finding.status == CRITICAL],
        "text": as_text(findings, asked["given"]["name"], time.time(), False, False),
    }
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
