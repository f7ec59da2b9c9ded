# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all checks in parallel, within a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from pillarbox.check import (
    clients,
    dnssec,
    domains,
    drift,
    issuing,
    keys,
    lists,
    local,
    log,
    maturity,
    mta_sts,
    name_servers,
    names,
    programs,
    relay,
    served,
)
from pillarbox.check.each import said
from pillarbox.check.finding import UNKNOWN, Finding
from pillarbox.check.settings import Settings

S = TypeVar("S")
Check = Callable[[S], Iterable[Finding]]

# In the order of the output.
CHECKS: dict[str, Check[Settings]] = {
    "host": local.status,
    "file systems": programs.file_systems,
    "log": log.entries,
    "drift": drift.files,
    "reverse name": names.reverse,
    "outgoing address": names.outgoing,
    "greeting": names.greeting,
    "certificate served": served.certificates,
    "old TLS": served.old_protocols,
    "TLSA": served.tlsa,
    "CAA": issuing.issuers,
    "name servers": name_servers.servers,
    "DNSSEC": dnssec.zones,
    "MX": domains.mail_exchangers,
    "SPF": domains.sender_policies,
    "DKIM": keys.signatures,
    "DMARC": domains.authentication_policies,
    "MTA-STS": mta_sts.policies,
    "TLS reports": domains.tls_reports,
    "maturity": maturity.policies,
    "SRV": clients.services,
    "required addresses": relay.required_addresses,
    "open relay": relay.relaying,
    "DNS list": lists.addresses,
    "learned data": programs.saved_data,
    "fail2ban": programs.bans,
    "quota": programs.quotas,
    "ssh": programs.shell_logins,
    "updates": local.updates,
    "support": local.support,
}


class Outcome(NamedTuple):
    """The findings of each check, and the checks that found only a part of what there is."""

    findings: dict[str, list[Finding]]
    partial: frozenset[str]

    def all(self) -> list[Finding]:
        """Return all findings in the order of the checks."""
        return [finding for found in self.findings.values() for finding in found]


def run(settings: S, patience: float, checks: Mapping[str, Check[S]]) -> Outcome:
    """Return what all checks find.

    Args:
        patience: seconds after which a check that is not done is "unknown"; what it found so far
            counts.
    """
    found: dict[str, list[Finding]] = {name: [] for name in checks}
    failed: dict[str, str] = {}
    unfinished = set(checks)

    def one(name: str) -> None:
        try:
            for finding in checks[name](settings):
                found[name].append(finding)
        # A failed check, whatever the cause, must not hide the others.
        except Exception as error:
            failed[name] = said(error)
        unfinished.discard(name)

    # Daemon threads do not keep the program from exiting.
    threads = [threading.Thread(target=one, args=[name], daemon=True) for name in checks]
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = f"not done within {patience:.0f} s; --patience allows more"
    partial = {**dict.fromkeys(sorted(unfinished), late), **failed}
    return Outcome(
        {
            name: [*some, *([Finding(name, "", UNKNOWN, partial[name])] if name in partial else [])]
            for name, some in found.items()
        },
        frozenset(partial),
    )
