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
from pillarbox.reports.sending.settings import kinds, own_domains
from pillarbox.status.finding import counted

SERVICE = "pillarbox-tls-reports.service"
# Seconds, as long as the nightly jobs may take.
LONGEST = 4 * 3600.0


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
        print(_send_tls(early))
    if "dmarc" in wanted:
        print(_send_dmarc())
        if early:
            # By itself, as reports about two days in one run have the same identifier, so that
            # receivers drop the second. Its days are those of the host's time zone.
            print(_send_dmarc(time.strftime("%Y%m%d")))


def _send_tls(early: bool) -> str:
    """Have the service send what is due, and return what became of it.

    A stranger's record may name any web server, and only the service keeps away from private ones.
    """
    with outbox.opened() as box:
        box.close_days(time.time(), own_domains(), early)
        due = {(report.domain, report.begin) for report in box.due()}
    if not due:
        return "no TLS report is due"
    run("systemctl", "start", SERVICE, timeout=LONGEST)
    with outbox.opened() as box:
        reports = [report for report in box.reports() if (report.domain, report.begin) in due]
    return "\n".join(map(_line, reports))


def _send_dmarc(*dates: str) -> str:
    """Have Rspamd send its reports about these days, or about yesterday; return what it says."""
    said = run("rspamadm", "dmarc_report", *dates, merge=True, timeout=LONGEST)
    return said.decode(errors="replace").strip()
