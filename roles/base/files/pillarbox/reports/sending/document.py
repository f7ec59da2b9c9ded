# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a TLS report (RFC 8460, sections 4.4 and 5): the document, and the mail that carries it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate

from pillarbox.reports.sending.outbox import Report


def moment(time: int) -> str:
    """Return a time as RFC 3339 has it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def name_of(report: Report, submitter: str) -> str:
    """Return the unique name of a report, which stays the same when it is sent again."""
    return f"{report.begin}.{report.domain}@{submitter}"


def document(report: Report, sender: str) -> bytes:
    """Return the report as JSON, packed."""
    submitter = sender.partition("@")[2]
    content = {
        "organization-name": submitter,
        "date-range": {
            "start-datetime": moment(report.begin),
            # A day ends one second before the next begins, as in the example of the RFC.
            "end-datetime": moment(report.end - 1),
        },
        "contact-info": sender,
        "report-id": name_of(report, submitter),
        "policies": json.loads(report.policies),
    }
    # The same bytes whenever it is packed.
    return gzip.compress(json.dumps(content).encode(), mtime=0)


def mail(report: Report, sender: str, recipient: str) -> Message:
    """Return the message that carries a report."""
    submitter = sender.partition("@")[2]
    name = name_of(report, submitter)
    whole = MIMEMultipart("report")
    whole.set_param("report-type", "tlsrpt")
    whole["From"] = sender
    whole["To"] = recipient
    whole["Subject"] = f"Report Domain: {report.domain} Submitter: {submitter} Report-ID: <{name}>"
    whole["Date"] = formatdate()
    whole["Message-ID"] = f"<tlsrpt.{name}>"
    whole["TLS-Report-Domain"] = report.domain
    whole["TLS-Report-Submitter"] = submitter
    # A report about failing TLS is delivered without it. Of such mail Postfix tells no results, so
    # that there are no reports about reports (RFC 8689, and TLSRPT_README).
    whole["TLS-Required"] = "No"
    whole["Auto-Submitted"] = "auto-generated"
    text = (
        f"This is a TLS report (RFC 8460) of {submitter} about sessions with the mail servers\n"
        f"of {report.domain} from {moment(report.begin)} to {moment(report.end - 1)}:\n"
        f"{report.successful} succeeded, {report.failed} failed.\n"
    )
    whole.attach(MIMEText(text, "plain", "us-ascii"))
    packed = MIMEApplication(document(report, sender), "tlsrpt+gzip")
    file = f"{submitter}!{report.domain}!{report.begin}!{report.end - 1}.json.gz"
    packed.add_header("Content-Disposition", "attachment", filename=file)
    whole.attach(packed)
    return whole
