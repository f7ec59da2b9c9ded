# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``status`` finds on the host, and what the system needs."""

from __future__ import annotations

import csv
import platform
import re
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings
from pillarbox.status import finding as states
from pillarbox.status.ask import output_of
from pillarbox.status.looks import look

STATUSES = {states.OK: OK, states.ATTENTION: WARNING, states.UNKNOWN: UNKNOWN}
# Without these, mail is not exchanged or not read, or may be lost.
URGENT = ("backup", "daemons", "queue", "certificates", "disk", "resolver")
# Seconds.
PATIENCE = 20.0
# Of the package distro-info-data, if it is installed.
RELEASES = Path("/usr/share/distro-info/debian.csv")
# Days in which an upgrade can be planned.
NOTICE = 180
INSTALLED = re.compile(r"^Inst (\S+) .*?\(\S+ ([^)]*)\)", re.MULTILINE)


def status(settings: Settings) -> Iterator[Finding]:
    """Report what "pillarbox status" does."""
    return by_urgency(look(settings.parts, time.time()))


def by_urgency(findings: Iterable[states.Finding]) -> Iterator[Finding]:
    """Yield findings of "pillarbox status" as those of a check."""
    in_container = Path("/run/systemd/container").exists()
    for found in findings:
        urgency = STATUSES[found.state]
        if urgency == WARNING and found.part in URGENT:
            urgency = CRITICAL
        if found.part == "clock" and in_container and urgency == UNKNOWN:
            # No run will ever know.
            urgency = NOTE
        part = "DKIM keys" if found.part == "dkim" else found.part
        yield Finding(part, found.subject, urgency, found.text, "", found.remedy)


def updates(settings: Settings) -> Iterator[Finding]:
    """Check for updates of Debian that close security holes, and whether a reboot is due."""
    # A new kernel is a new package.
    command = ("/usr/bin/apt-get", "--simulate", "--quiet", "--with-new-pkgs", "upgrade")
    printed = output_of(*command, patience=PATIENCE)
    security = sorted(name for name, source in INSTALLED.findall(printed) if "ecurity" in source)
    if security:
        some = ", ".join(security[:5]) + (" …" if len(security) > 5 else "")
        remedy = "apt-get upgrade --with-new-pkgs; unattended-upgrades would do so every day"
        found = f"{len(security)} packages lack security updates: {some}"
        yield Finding("updates", "security", WARNING, found, "none", remedy)
    else:
        found = "none are pending, by the lists of the last apt-get update"
        yield Finding("updates", "security", OK, found)
    if Path("/run/reboot-required").exists():
        yield Finding("updates", "reboot", WARNING, "a reboot is due", "", "reboot")


def support(settings: Settings) -> Iterator[Finding]:
    """Check until when Debian supports the release of this host."""
    if not RELEASES.exists():
        return
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    with RELEASES.open(encoding="utf-8", newline="") as file:
        row = next((row for row in csv.DictReader(file) if row["series"] == codename), {})
    # Long-term support, or else that of the security team.
    if not (end := row.get("eol-lts") or row.get("eol")):
        return
    left = (date.fromisoformat(end) - date.today()).days
    if left > NOTICE:
        yield Finding("support", "", OK, f"until {end}")
    else:
        status = WARNING if left > 0 else CRITICAL
        text = f"no security updates {'from' if left > 0 else 'since'} {end}"
        remedy = "upgrade to the next release of Debian, as docs/upgrade.md shows"
        yield Finding("support", "", status, text, "a supported release", remedy)
