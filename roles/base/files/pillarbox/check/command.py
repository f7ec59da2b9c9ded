# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``check``: whether others can exchange mail with this host, and trust it."""

from __future__ import annotations

import argparse
import io
import os
import socket
import sys
import time

from pillarbox import Failure
from pillarbox.alert import alert, heartbeat
from pillarbox.check.memory import Memory
from pillarbox.check.output import (
    EXIT,
    as_alert,
    as_json,
    as_mail,
    as_metrics,
    as_text,
    worst,
)
from pillarbox.check.page import as_page
from pillarbox.check.run import CHECKS, Outcome, run
from pillarbox.check.saved import save
from pillarbox.check.settings import settings_of
from pillarbox.commands import run as execute
from pillarbox.manual import Manual
from pillarbox.metrics.text import as_text as as_prometheus
from pillarbox.status.parts import all_parts

MANUAL = Manual(
    "check",
    """\
Check whether others can exchange mail with this host, and trust it.

It asks the DNS, connects to the host's own ports as other servers do, and includes what "pillarbox
status" finds. It changes nothing, and sends no mail but the daily report to root. Each finding is
"ok", "note" if it is worth knowing, "warning", "critical" if mail is refused or lost, or "unknown"
if there was no answer, with what was found, what should be, and what to do.
""",
    """\
Use it when mail does not arrive elsewhere, and after changes of DNS, addresses or certificates. A
timer runs it every day, and mails root what changed; no change, no mail.

Examples
  pillarbox check               # what is not fine, and what to do
  pillarbox check --all         # everything
  pillarbox check --json        # for programs; --metrics for Prometheus
  pillarbox check --html >check.html    # for web browsers
  pillarbox check --notify      # mail root what changed since the last such run

Exit status, as of a Nagios plugin
  0  nothing needs attention
  1  warning
  2  critical, or this command failed
  3  unknown

Files
  /etc/pillarbox/parts/               what each role runs on this host
  /var/lib/pillarbox/check.json       since when each finding exists
  /var/lib/pillarbox/findings.json    what the timer's last run found, for page and metrics
  pillarbox-check.timer               its schedule; log: journalctl -u pillarbox-check
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--all", action="store_true", help="print the findings that are fine, too")
    form.add_argument("--json", action="store_true", help="print all findings as a JSON object")
    form.add_argument("--html", action="store_true", help="print all findings as a web page")
    form.add_argument("--metrics", action="store_true", help="print their numbers for Prometheus")
    form.add_argument("--notify", action="store_true", help="mail root what has changed")
    parser.add_argument(
        "--patience", type=float, default=60.0, metavar="SECONDS", help="time for all checks (60)"
    )
    given = parser.parse_args(arguments)
    try:
        return check(given)
    # For Nagios, 1 would be a warning.
    except (Failure, OSError) as failure:
        print(f"pillarbox check: {failure}", file=sys.stderr)
        return EXIT["critical"]


def check(given: argparse.Namespace) -> int:
    try:
        settings = settings_of(all_parts())
    except KeyError as missing:
        raise Failure(f"{missing} is not set up on this host; run site.yml") from missing
    now, host = time.time(), socket.gethostname()
    memory = Memory()
    outcome = memory.dated(run(settings, given.patience, CHECKS), now)
    findings = outcome.all()
    if given.notify:
        notify(memory, outcome, host, now)
        return 0
    # Quoted messages may have characters that the terminal's character set lacks.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if given.json:
        print(as_json(findings, host, now))
    elif given.html:
        print(as_page(findings, host, now))
    elif given.metrics:
        print(as_prometheus([as_metrics(findings)]), end="")
    else:
        colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(as_text(findings, host, now, given.all, colours))
    return EXIT[worst(findings)]


def notify(memory: Memory, outcome: Outcome, host: str, now: float) -> None:
    """Tell of what has changed: the webhook of what is critical, and root by mail of everything."""
    try:
        save(outcome, now)
    # Such as a full disk, which is among the findings.
    except OSError as error:
        print(f"{error}: not saved for the status page and the metrics", file=sys.stderr)
    new, gone = memory.changes(outcome)
    # Before the mail, which may be what is broken.
    if urgent := as_alert(new, host):
        alert(urgent)
    heartbeat()
    if mail := as_mail(new, gone, host, now):
        execute("/usr/sbin/sendmail", "root", given=mail.encode())
    memory.remember(outcome)
