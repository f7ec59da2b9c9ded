# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run all checks in parallel, within a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from pillarbox.check import dnssec, domains, keys, lists, local, names, relay, served
from pillarbox.check.finding import UNKNOWN, Finding
from pillarbox.check.settings import Settings

Check = Callable[[Settings], Iterable[Finding]]

# In the order of the output. The name is that of the findings of a check that fails as a whole.
CHECKS: dict[str, Check] = {
    "host": local.status,
    "reverse name": names.reverse,
    "outgoing address": names.outgoing,
    "greeting": names.greeting,
    "certificate served": served.certificates,
    "old TLS": served.old_protocols,
    "TLSA": served.tlsa,
    "DNSSEC": dnssec.zones,
    "MX": domains.mail_exchangers,
    "SPF": domains.sender_policies,
    "DKIM": keys.signatures,
    "DMARC": domains.authentication_policies,
    "MTA-STS": domains.transport_policies,
    "required addresses": domains.required_addresses,
    "open relay": relay.relaying,
    "DNS list": lists.addresses,
    "updates": local.updates,
}


def run(settings: Settings, patience: float, checks: Mapping[str, Check] = CHECKS) -> list[Finding]:
    """Return the findings of all checks in order.

    Args:
        patience: seconds after which a check that is not done is "unknown"; what it found so far
            counts.
    """
    found: dict[str, list[Finding]] = {name: [] for name in checks}
    unfinished = set(checks)

    def one(name: str) -> None:
        try:
            for finding in checks[name](settings):
                found[name].append(finding)
        # A failed check, whatever the cause, must not hide the others.
        except Exception as error:
            found[name].append(Finding(name, "", UNKNOWN, str(error) or type(error).__name__))
        unfinished.discard(name)

    # Daemon threads do not keep the program from exiting.
    threads = [threading.Thread(target=one, args=[name], daemon=True) for name in checks]
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for name in sorted(unfinished):
        text = f"not done within {patience:.0f} s; --patience allows more"
        found[name] = [*found[name], Finding(name, "", UNKNOWN, text)]
    return [finding for name in checks for finding in found[name]]
