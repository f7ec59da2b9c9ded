# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others report about the mail of this host, from a message to the summary."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab

DATABASE = "/var/lib/pillarbox/reports.sqlite"
NOW = int(time.time())
DMARC = f"""<?xml version="1.0"?>
<feedback>
  <version>1.0</version>
  <report_metadata>
    <org_name>Example Mail</org_name><email>dmarc@example.net</email><report_id>4711</report_id>
    <date_range><begin>{NOW - 90000}</begin><end>{NOW - 3600}</end></date_range>
  </report_metadata>
  <policy_published><domain>example.org</domain><p>reject</p></policy_published>
  <record>
    <row>
      <source_ip>198.18.0.10</source_ip><count>7</count>
      <policy_evaluated>
        <disposition>none</disposition><dkim>pass</dkim><spf>pass</spf>
      </policy_evaluated>
    </row>
    <identifiers><header_from>example.org</header_from></identifiers>
    <auth_results>
      <dkim><domain>example.org</domain><selector>r1</selector><result>pass</result></dkim>
      <spf><domain>example.org</domain><result>pass</result></spf>
    </auth_results>
  </record>
  <record>
    <row>
      <source_ip>198.18.0.66</source_ip><count>30</count>
      <policy_evaluated>
        <disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf>
      </policy_evaluated>
    </row>
    <identifiers><header_from>example.org</header_from></identifiers>
    <auth_results><spf><domain>example.net</domain><result>fail</result></spf></auth_results>
  </record>
</feedback>
"""
TLS = {
    "organization-name": "Example Mail",
    "date-range": {
        "start-datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 90000)),
        "end-datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - 3600)),
    },
    "contact-info": "tls@example.net",
    "report-id": "4712",
    "policies": [
        {
            "policy": {"policy-type": "tlsa", "policy-domain": "example.org"},
            "summary": {"total-successful-session-count": 5, "total-failure-session-count": 0},
        }
    ],
}


def receive(name: str, kind: str, content: bytes) -> str:
    """Pass a report in a message to the program, as a delivery would."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "reports@example.net", "postmaster@example.org"
    mail["Subject"] = "Report Domain: example.org"
    mail.add_attachment(content, maintype="application", subtype=kind, filename=name)
    return lab.on("mx", "pillarbox reports receive", mail.as_string())


@pytest.fixture(autouse=True)
def no_reports() -> Iterator[None]:
    lab.on("mx", f"rm -f {DATABASE}*")
    yield
    lab.on("mx", f"rm -f {DATABASE}*")


def test_reports_about_dmarc_and_tls_are_kept_once_and_shown() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("report.xml", DMARC)
    assert receive("report.zip", "zip", archive.getvalue()).startswith("kept: ")
    assert receive("report.zip", "zip", archive.getvalue()).startswith("known before: ")
    report = gzip.compress(json.dumps(TLS).encode())
    assert receive("report.json.gz", "tlsrpt+gzip", report).startswith("kept: ")

    shown = " ".join(lab.on("mx", "pillarbox reports").split())
    assert "37 messages, 7 (18.9 %) pass" in shown
    assert "ours 7 198.18.0.10" in shown and "failing 30 198.18.0.66" in shown
    assert "tlsa 5 succeeded, 0 failed" in shown
    assert "30 of 37 messages come from elsewhere and fail DMARC" in shown


def test_a_bomb_and_a_report_about_another_domain_are_refused_without_a_bounce() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert "unpacks to more than" in receive("report.xml.gz", "gzip", bomb)
    other = DMARC.replace("<domain>example.org</domain><p>", "<domain>example.com</domain><p>")
    refused = receive("report.xml.gz", "gzip", gzip.compress(other.encode()))
    assert "about example.com, not of this host" in refused
    # Nothing was kept.
    assert json.loads(lab.on("mx", "pillarbox reports --json"))["domains"] == []
