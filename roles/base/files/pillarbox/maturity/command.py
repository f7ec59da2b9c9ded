# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``maturity``: how strict the policies of the domains are, and what comes next."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterable

from pillarbox import Failure
from pillarbox.manual import Manual
from pillarbox.maturity.ladders import TITLES
from pillarbox.maturity.state import Outlook, in_force, outlooks
from pillarbox.reports.own import addresses

MANUAL = Manual(
    "maturity",
    """\
Show how strict the policies of each domain are, since when, and which step comes next.

SPF climbs from ~all to -all, DMARC from none through quarantine to reject, MTA-STS from testing
to enforce, as the reports of others allow. It changes nothing: site.yml takes the steps of domains
with mail_maturity, and each other step is yours.
""",
    """\
Use it when you wonder why a policy does not become stricter, or what the next run of site.yml will
do.

Examples
  pillarbox maturity                   # all domains
  pillarbox maturity example.org       # one
  pillarbox maturity --json            # for programs

Exit status
  0  success
  1  failure; see the message on standard error

Files
  /var/lib/pillarbox/maturity.json            the policies in force, as site.yml wrote them
  /var/lib/pillarbox-reports/reports.sqlite   what others reported
  /var/lib/pillarbox/check.json               what the last daily check found
""",
)
WIDTH = 80


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("name", nargs="?", default="", metavar="DOMAIN")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    given = parser.parse_args(arguments)
    policies = in_force()
    if given.name:
        if given.name.lower() not in policies and policies:
            raise Failure(f"{given.name} is none of the host's domains: {', '.join(policies)}")
        policies = {name: each for name, each in policies.items() if name == given.name.lower()}
    found = outlooks(policies, addresses(), time.time())
    print(as_json(found) if given.json else as_text(found))
    return 0


def as_json(found: Iterable[Outlook]) -> str:
    """Return the policies in the form of the file, each with its next step and why."""
    domains: dict[str, dict[str, dict[str, object]]] = {}
    for domain, ladder, policy, step in found:
        domains.setdefault(domain, {})[ladder] = {
            **policy._asdict(),
            "since": policy.since.isoformat(),
            "next": step.stage,
            "back": step.back,
            "why": step.why,
        }
    return json.dumps(domains)


def as_text(found: Iterable[Outlook]) -> str:
    """Return a paragraph for each domain."""
    lines: list[str] = []
    before = ""
    for domain, ladder, policy, step in found:
        if domain != before:
            lines += [*([""] if lines else []), domain]
        before = domain
        how = f"{policy.stage} since {policy.since}"
        if not policy.free:
            how += ", as the settings say"
        if step.stage:
            when = "the next run of site.yml" if policy.free else "yours to set"
            how += f"; next {step.stage}, {when}"
        lines += textwrap.wrap(
            f"{how}: {step.why}",
            WIDTH,
            initial_indent=f"  {TITLES[ladder]:9}",
            subsequent_indent=" " * 11,
            break_on_hyphens=False,
        )
    return "\n".join(lines) or "no domains are known yet; run site.yml"
