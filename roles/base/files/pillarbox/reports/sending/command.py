# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send reports by hand, and show which were sent."""

from __future__ import annotations

import time
from argparse import Namespace

from pillarbox import Failure
from pillarbox.commands import run
from pillarbox.reports.sending import outbox
from pillarbox.reports.sending.document import moment
from pillarbox.reports.sending.outbox import SENDING, Report
from pillarbox.reports.sending.sender import send_all
from pillarbox.reports.sending.settings import kinds, settings
from pillarbox.status.finding import counted


def main(given: Namespace) -> None:
    """Do what the command line says."""
    if given.command == "sent":
        print(shown())
    else:
        send(given.now)


def shown() -> str:
    """Return what became of the TLS reports of this host."""
    if not outbox.FILE.exists():
        return "this host has sent no TLS reports"
    with outbox.opened() as box:
        reports = box.reports()
    return "\n".join(map(_line, reports)) or "this host has sent no TLS reports"


def _line(report: Report) -> str:
    sessions = f"{counted(report.successful + report.failed, 'session')}, {report.failed} failed"
    state = "interrupted" if report.state == SENDING else f"{report.state}: {report.remark}"
    return f"{moment(report.begin)}  {report.domain}  {sessions}  {state.removesuffix(': ')}"


def send(early: bool) -> None:
    """Send the reports that are due. Raises Failure if this host sends none."""
    wanted = kinds()
    if not wanted:
        raise Failure("this host sends no reports; set mail_send_reports, and run site.yml")
    if "tls" in wanted:
        with outbox.opened() as box:
            send_all(box, settings(), time.time(), early)
    if "dmarc" in wanted:
        # Its days are those of the host's time zone.
        today = [time.strftime("%Y%m%d")] if early else []
        print(run("rspamadm", "dmarc_report", *today, merge=True).decode(errors="replace").strip())
