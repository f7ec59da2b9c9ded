# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``status`` finds on the host, and what the system needs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from pillarbox.check.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status import finding as states
from pillarbox.status.ask import output_of
from pillarbox.status.looks import look

STATUSES = {states.OK: OK, states.ATTENTION: CRITICAL, states.UNKNOWN: UNKNOWN}
# Of these, somebody should know within a day, not within the hour.
LESS_URGENT = ("jobs", "held mail", "configuration", "memory")
# Seconds.
PATIENCE = 20.0
INSTALLED = re.compile(r"^Inst (\S+) .*?\(\S+ ([^)]*)\)", re.MULTILINE)


def status(settings: Settings) -> Iterator[Finding]:
    """Report what "pillarbox status" does."""
    for found in look(settings.parts, time.time()):
        urgency = STATUSES[found.state]
        if urgency == CRITICAL and found.part in LESS_URGENT:
            urgency = WARNING
        yield Finding(found.part, found.subject, urgency, found.text, "", found.remedy)


def updates(settings: Settings) -> Iterator[Finding]:
    """Check for updates of Debian that close security holes, and whether a reboot is due."""
    printed = output_of("/usr/bin/apt-get", "--simulate", "--quiet", "upgrade", patience=PATIENCE)
    security = sorted(name for name, source in INSTALLED.findall(printed) if "ecurity" in source)
    if security:
        some = ", ".join(security[:5]) + (" …" if len(security) > 5 else "")
        remedy = "apt-get upgrade; the package unattended-upgrades does so every day"
        found = f"{len(security)} packages lack security updates: {some}"
        yield Finding("updates", "security", WARNING, found, "none", remedy)
    else:
        yield Finding(
            "updates", "security", OK, "none are pending, by the lists of the last apt-get update"
        )
    if Path("/run/reboot-required").exists():
        yield Finding("updates", "reboot", WARNING, "a reboot is due", "", "reboot")
