# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build reports as other mail servers send them."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from email.message import EmailMessage
from typing import Any
from xml.sax.saxutils import escape

# 2026-11-26, a day before NOW.
BEGIN, END = 1795651200, 1795737599
NOW = END + 3600
DMARC_2 = "urn:ietf:params:xml:ns:dmarc-2.0"


def record(
    source: str = "192.0.2.25",
    count: object = 1,
    dkim: str = "pass",
    spf: str = "pass",
    disposition: str = "none",
    header_from: str = "example.org",
    signer: str = "example.org",
    selector: str = "r1",
    envelope: str = "example.org",
) -> str:
    """A record, escaped."""
    found = {
        "source": source,
        "header_from": header_from,
        "signer": signer,
        "selector": selector,
        "envelope": envelope,
    }
    safe = {name: escape(text) for name, text in found.items()}
    return f"""<record>
  <row>
    <source_ip>{safe["source"]}</source_ip>
    <count>{count}</count>
    <policy_evaluated>
      <disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>
    </policy_evaluated>
  </row>
  <identifiers>
    <envelope_to>example.net</envelope_to>
    <envelope_from>{safe["envelope"]}</envelope_from>
    <header_from>{safe["header_from"]}</header_from>
  </identifiers>
  <auth_results>
    <dkim>
      <domain>list.example</domain><selector>x</selector><result>fail</result>
    </dkim>
    <dkim>
      <domain>{safe["signer"]}</domain><selector>{safe["selector"]}</selector>
      <result>{dkim}</result><human_result lang="en">good</human_result>
    </dkim>
    <spf><domain>{safe["envelope"]}</domain><scope>mfrom</scope><result>{spf}</result></spf>
  </auth_results>
</record>"""


def dmarc_xml(
    *records: str,
    reporter: str = "Reporter",
    report_id: str = "1",
    domain: str = "example.org",
    begin: object = BEGIN,
    end: object = END,
    new: bool = True,
    before: str = "",
) -> bytes:
    """A DMARC report of RFC 9990, or of RFC 7489."""
    root = f'feedback xmlns="{DMARC_2}" xmlns:ext="urn:example:extension"' if new else "feedback"
    policy = (
        "<p>quarantine</p><sp>none</sp><np>reject</np><testing>n</testing>"
        "<discovery_method>treewalk</discovery_method>"
        if new
        else "<adkim>r</adkim><aspf>r</aspf><p>quarantine</p><sp>none</sp><pct>100</pct>"
    )
    extension = "<extension><ext:count>7</ext:count></extension>" if new else ""
    generator = "<generator>Sender 1.2</generator>" if new else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>{before}
<{root}>
<version>1.0</version>
<report_metadata>
  <org_name>{escape(reporter)}</org_name>
  <email>dmarc@reporter.example</email>
  <report_id>{escape(report_id)}</report_id>
  <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  {generator}
</report_metadata>
<policy_published><domain>{escape(domain)}</domain>{policy}</policy_published>
{extension}
{"".join(records or [record()])}
</feedback>""".encode()


def failure(result: str = "certificate-expired", count: object = 1, **others: object) -> Any:
    """An item of "failure-details"."""
    return {
        "result-type": result,
        "sending-mta-ip": "2001:db8:abcd::1",
        "receiving-mx-hostname": "mx.example.org",
        "failed-session-count": count,
        **others,
    }


def tls(
    *failures: Any,
    successful: object = 100,
    failed: object = 0,
    domain: object = "example.org",
    policy: str = "sts",
    **others: object,
) -> dict[str, Any]:
    """A TLS report, with one policy."""
    return {
        "organization-name": "Company-X",
        "date-range": {
            "start-datetime": "2026-11-26T00:00:00Z",
            "end-datetime": "2026-11-26T23:59:59Z",
        },
        "contact-info": "sts-reporting@company-x.example",
        "report-id": "5065427c-23d3",
        "policies": [
            {
                "policy": {
                    "policy-type": policy,
                    "policy-string": ["version: STSv1", "mode: testing", "mx: mx.example.org"],
                    "policy-domain": domain,
                    "mx-host": ["mx.example.org"],
                },
                "summary": {
                    "total-successful-session-count": successful,
                    "total-failure-session-count": failed,
                },
                "failure-details": list(failures),
            }
        ],
        **others,
    }


def tls_json(*failures: Any, **options: Any) -> bytes:
    """A TLS report as JSON."""
    return json.dumps(tls(*failures, **options)).encode()


def zipped(*contents: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.xml", content)
    return packed.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def message(*attachments: bytes, kind: str = "application/gzip") -> bytes:
    """A message with attachments of this type, after a text for people."""
    mail = EmailMessage()
    mail["From"] = "dmarc@reporter.example"
    mail["To"] = "postmaster@example.org"
    mail["Subject"] = "Report Domain: example.org Submitter: reporter.example Report-ID: <1>"
    mail.set_content("This is an aggregate report.\n")
    maintype, _, subtype = kind.partition("/")
    for attachment in attachments:
        mail.add_attachment(
            attachment,
            maintype,
            subtype,
            cte="base64",
            filename="reporter.example!example.org!1795651200!1795737599.xml.gz",
        )
    return mail.as_bytes()


def bare_message(attachment: bytes, kind: str = "application/gzip") -> bytes:
    """A message that is the attachment, without any multipart."""
    head = f"From: a@b.example\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(attachment)


# What this host adds to mail that comes from another server.
CLIENT = (
    b"Received: from peer.example.net (peer.example.net [198.51.100.20])\n"
    b"\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n"
    b"\tby mx.example.org (Postfix) with ESMTPS id 4dJ1\n"
    b"\tfor <mailreports@example.org>; Fri, 27 Nov 2026 06:00:00 +0000 (UTC)\n"
)
RESULTS = (
    b"Authentication-Results: mx.example.org;\n\tdkim=none;\n"
    b"\tspf=pass (mx.example.org: domain of bob@example.net designates 198.51.100.20 as permitted"
    b" sender) smtp.mailfrom=bob@example.net;\n"
    b"\tdmarc=pass (policy=reject) header.from=example.net\n"
)
HEADER = CLIENT + RESULTS
