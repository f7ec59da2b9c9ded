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

DATABASE = "/var/lib/pillarbox-reports/reports.sqlite"
ADDRESS = "mailreports@example.org"
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


WHO_IS_CONNECTED = """
import os, socket, subprocess
connection = socket.socket(socket.AF_UNIX)
connection.connect("/var/spool/postfix/pillarbox/reports")
connection.recv(100)
show = ["systemctl", "show", "--property=MainPID", "--value", "pillarbox-reports@*.service"]
for pid in subprocess.check_output(show, text=True).split():
    print(os.stat(f"/proc/{pid}").st_uid)
"""


def attached(name: str, kind: str, content: bytes) -> EmailMessage:
    """Return a message with a report."""
    mail = lab.message("reports@example.net", ADDRESS, "This is a report.")
    mail.add_attachment(content, maintype="application", subtype=kind, filename=name)
    return mail


def dmarc(number: int = 4711) -> EmailMessage:
    """Return a message with a DMARC report of this number."""
    report = DMARC.replace("4711", str(number)).encode()
    return attached("example.net!example.org!1!2.xml.gz", "gzip", gzip.compress(report))


def receive(name: str, kind: str, content: bytes) -> str:
    """Pass a report in a message to the program."""
    return lab.on("mx", "pillarbox reports receive", attached(name, kind, content).as_string())


def reported() -> tuple[int, int]:
    """Return the number of DMARC and of TLS reports about example.org."""
    domains = json.loads(lab.on("mx", "pillarbox reports --json"))["domains"]
    found = [each for each in domains if each["domain"] == "example.org"]
    dmarc, tls = (
        sum(sum(each[kind]["reporters"].values()) for each in found) for kind in ("dmarc", "tls")
    )
    return dmarc, tls


def shown(dmarc: int, tls: int = 0) -> None:
    """Wait until so many reports are shown."""
    lab.eventually(
        f"{dmarc} DMARC and {tls} TLS reports", lambda: reported() == (dmarc, tls) or None
    )


def delivery(mail: EmailMessage) -> str:
    """Wait until a message is delivered, and return the log line."""
    lines = lab.eventually("a delivery", lambda: lab.log_of("mx", mail, "status=sent") or None)
    return lines[0]


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


def test_reports_that_arrive_by_mail_are_kept_by_a_user_of_their_own() -> None:
    lab.send_from_peer(dmarc())
    report = gzip.compress(json.dumps(TLS).encode())
    lab.send_from_peer(attached("example.net!example.org!1!2.json.gz", "tlsrpt+gzip", report))
    shown(1, 1)
    # Root's own reports and the next mail go to the same database.
    assert "kept: " in lab.on("mx", "pillarbox reports receive", dmarc(2).as_string())
    lab.send_from_peer(dmarc(3))
    shown(3, 1)
    users = lab.on("mx", f"stat -c %u {DATABASE}; python3 -", WHO_IS_CONNECTED).split()
    assert len(set(users)) == 1 and "0" not in users, users


def test_a_report_in_the_name_of_another_domain_does_not_count() -> None:
    true = dmarc()
    lab.send_from_peer(true)
    # Neither domain authenticates it; it only says so itself.
    forged = dmarc(2)
    forged.replace_header("From", "reports@reporter.example")
    forged["Authentication-Results"] = "mx.example.org; dmarc=pass header.from=google.example"
    lab.on("peer", f"sendmail -f reports@policy.example.net {ADDRESS}", forged.as_string())
    shown(1)
    lab.eventually(
        "the other one", lambda: "not counted" in lab.on("mx", "pillarbox reports") or None
    )
    [about] = json.loads(lab.on("mx", "pillarbox reports --json"))["domains"]
    assert about["dmarc"]["unproven"] == {"Example Mail": 1}
    assert about["dmarc"]["messages"] == 37


def test_what_is_no_report_or_a_bomb_is_discarded_and_mail_behind_it_arrives() -> None:
    human = lab.message("bob@example.net", ADDRESS)
    bomb = attached("report.xml.gz", "gzip", gzip.compress(b" " * 100_000_000))
    for mail in (human, bomb, dmarc()):
        lab.send_from_peer(mail)
    shown(1)
    for mail, said in ((human, "1 without a report"), (bomb, "1 refused")):
        assert said in delivery(mail)
        assert not lab.log_of("mx", mail, "notification")


@pytest.mark.parametrize(
    ("fail", "mend"),
    [
        (f"install -d {DATABASE}", f"rmdir {DATABASE}"),
        ("systemctl stop pillarbox-reports.socket", "systemctl start pillarbox-reports.socket"),
    ],
)
def test_reports_that_cannot_be_kept_wait_in_the_queue(fail: str, mend: str) -> None:
    lab.on("mx", fail)
    mail = dmarc()
    try:
        lab.send_from_peer(mail)
        lab.deferral("mx", mail)
    finally:
        lab.on("mx", f"{mend}; postqueue -f")
    shown(1)
