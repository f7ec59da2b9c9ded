# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports in every form and packing come to the same numbers, once."""

from __future__ import annotations

import base64
import mailbox
import sqlite3
import stat
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from pillarbox.reports.store import DAY

from .conftest import Host
from .samples import (
    BEGIN,
    DMARC_2,
    END,
    bare_message,
    dmarc_xml,
    failure,
    gzipped,
    message,
    record,
    tls,
    tls_json,
    zipped,
)

RECORDS = [
    record(count=123, spf="fail", disposition="pass"),
    record("198.51.100.7", 8, envelope="list.example", spf="fail"),
    record("203.0.113.66", 9, dkim="fail", spf="fail", disposition="quarantine"),
]
NEW, OLD = dmarc_xml(*RECORDS), dmarc_xml(*RECORDS, new=False)
TLS = tls_json(
    failure(count=2), failure("starttls-not-supported", 1), successful=97, failed=3
)  # fmt: skip


def numbers(host: Host) -> tuple[int, int, dict[str, int]]:
    """The numbers of DMARC: messages, those that pass, and those of each group."""
    dmarc = host.told()["example.org"]["dmarc"]
    groups = {source["group"]: source["count"] for source in dmarc["sources"]}
    return dmarc["messages"], dmarc["passing"], groups


EXPECTED = (140, 131, {"ours": 123, "aligned others": 8, "failing": 9})


@pytest.mark.parametrize("report", [NEW, OLD], ids=["RFC 9990", "RFC 7489"])
@pytest.mark.parametrize(
    "pack",
    [
        lambda report: message(gzipped(report)),
        lambda report: message(gzipped(report), kind="application/octet-stream"),
        lambda report: message(gzipped(report) + b"\r\n", kind="application/x-gzip"),
        lambda report: message(zipped(report), kind="application/zip"),
        lambda report: message(
            zipped(report, method=zipfile.ZIP_STORED), kind="application/x-zip-compressed"
        ),
        lambda report: message(report, kind="text/xml"),
        lambda report: message(gzipped(report), kind="image/png"),
        lambda report: bare_message(gzipped(report)),
        lambda report: bare_message(zipped(report), kind="application/zip"),
    ],
)
def test_a_dmarc_report_in_any_packing_has_the_same_numbers(
    host: Host, report: bytes, pack
) -> None:
    assert host.receive(pack(report)) == 0
    assert numbers(host) == EXPECTED


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        (gzipped(TLS), "application/tlsrpt+gzip"),
        (TLS, "application/tlsrpt+json"),
        (gzipped(TLS), "application/octet-stream"),
        (zipped(TLS), "application/zip"),
    ],
)
def test_a_tls_report_in_any_packing_has_the_same_numbers(
    host: Host, attachment: bytes, kind: str
) -> None:
    assert host.receive(message(attachment, kind=kind)) == 0
    told = host.told()["example.org"]["tls"]
    assert (told["successful"], told["failed"]) == (97, 3)
    assert told["policies"] == [{"type": "sts", "mode": "testing", "successful": 97, "failed": 3}]
    assert told["failures"] == [
        {
            "policy": "sts",
            "result": result,
            "mx": "mx.example.org",
            "sender": "2001:db8:abcd::1",
            "reason": "",
            "count": count,
        }
        for result, count in (("certificate-expired", 2), ("starttls-not-supported", 1))
    ]


def test_what_a_report_says_of_a_source_is_kept(host: Host) -> None:
    host.receive(message(gzipped(NEW)))
    dmarc = host.told()["example.org"]["dmarc"]
    assert dmarc["reporters"] == {"Reporter": 1}
    assert dmarc["policy"] == "p=quarantine sp=none np=reject"
    assert dmarc["sources"][1] == {
        "group": "failing",
        "source": "203.0.113.66",
        "header_from": "example.org",
        "dkim_domain": "example.org",
        "dkim_selector": "r1",
        "spf_domain": "example.org",
        "disposition": "quarantine",
        "dkim": False,
        "spf": False,
        "count": 9,
    }
    # Of two signatures, the one that made it pass.
    assert dmarc["sources"][0]["dkim_selector"] == "r1"


def test_the_old_schema_may_have_a_namespace_of_the_root_only(host: Host) -> None:
    root = b'<ns:feedback xmlns:ns="http://dmarc.org/dmarc-xml/0.1">'
    report = OLD.replace(b"<feedback>", root).replace(b"</feedback>", b"</ns:feedback>")
    host.receive(message(report))
    assert numbers(host) == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252"])
def test_other_encodings_that_xml_declares_are_read(host: Host, encoding: str) -> None:
    report = OLD.decode().replace("UTF-8", encoding).replace("Reporter", "Röporter")
    host.receive(message(report.encode(encoding)))
    assert host.told()["example.org"]["dmarc"]["reporters"] == {"Röporter": 1}


def test_a_reporter_without_a_name_is_known_by_its_address(host: Host) -> None:
    host.receive(message(dmarc_xml(reporter=" ")))
    host.receive(message(tls_json(**{"organization-name": None})))
    told = host.told()["example.org"]
    assert told["dmarc"]["reporters"] == {"dmarc@reporter.example": 1}
    assert told["tls"]["reporters"] == {"sts-reporting@company-x.example": 1}


def test_extensions_change_no_number(host: Host) -> None:
    alien = f'<x:row xmlns:x="urn:x"><x:count>99</x:count></x:row><row xmlns="{DMARC_2}x"/>'
    host.receive(message(dmarc_xml(record(count=5).replace("</record>", f"{alien}</record>"))))
    assert host.told()["example.org"]["dmarc"]["messages"] == 5


def test_a_report_that_comes_twice_counts_once(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host.receive(message(gzipped(NEW))) == 0
    assert host.receive(message(zipped(NEW), kind="application/zip")) == 0
    (tmp_path / "bare.xml").write_bytes(NEW)
    assert host.run("import", str(tmp_path / "bare.xml")) == 0
    assert capsys.readouterr().out.splitlines() == [
        'kept: DMARC report "1" of "Reporter" about example.org',
        'known before: DMARC report "1" of "Reporter" about example.org',
        'known before: DMARC report "1" of "Reporter" about example.org',
        f"{tmp_path}/bare.xml: 1 known before",
    ]
    assert numbers(host) == EXPECTED


def test_reports_of_others_with_the_same_id_are_others(host: Host) -> None:
    for reporter in ("One", "Two"):
        for domain in ("example.org", "example.com"):
            host.receive(message(dmarc_xml(reporter=reporter, domain=domain)))
    assert [each["dmarc"]["messages"] for each in host.told().values()] == [2, 2]


def test_a_tls_report_about_several_domains_is_one_for_each_of_this_host(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    domains = ("other.example", "example.com", "third.example", "example.org")
    policies = [tls(domain=name)["policies"][0] for name in domains]
    host.receive(message(tls_json(policies=policies)))
    assert "about other.example and 1 more, not of this host" in capsys.readouterr().out
    assert {name: each["tls"]["successful"] for name, each in host.told().items()} == {
        "example.com": 100,
        "example.org": 100,
    }


def test_saved_messages_and_bare_reports_are_imported(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = {
        "1.xml": dmarc_xml(report_id="1"),
        "2.xml.gz": gzipped(dmarc_xml(report_id="2")),
        "3.zip": zipped(dmarc_xml(report_id="3"), dmarc_xml(report_id="4")),
        "5.json": tls_json(),
        "6.json.gz": gzipped(tls_json(**{"report-id": "6"})),
        "7.eml": message(gzipped(dmarc_xml(report_id="7"))),
        "8.eml": b"Subject: no report\n\nHello\n",
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
    mbox = mailbox.mbox(tmp_path / "mbox")
    maildir = mailbox.Maildir(tmp_path / "Maildir")
    for number in range(3):
        mbox.add(message(gzipped(dmarc_xml(report_id=f"mbox {number}"))))
        maildir.add(message(gzipped(dmarc_xml(report_id=f"Maildir {number}"))))
    mbox.add(b"Subject: no report\n\nHello\n\n>From here\n")
    mbox.close()
    names = [*packed, "mbox", "Maildir"]
    assert host.run("import", *(str(tmp_path / name) for name in names)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines if line.startswith(str(tmp_path))] == [
        *["1 kept"] * 2,
        "2 kept",
        *["1 kept"] * 3,
        "1 without a report",
        "3 kept, 1 without a report",
        "3 kept",
    ]
    told = host.told()["example.org"]
    assert told["dmarc"]["messages"] == 4 + 1 + 3 + 3
    assert told["tls"]["successful"] == 200


def test_a_report_that_somebody_forwards_as_an_attachment_is_found_but_not_deeper(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    def forwarded(inner: bytes, boundary: str) -> bytes:
        head = f"Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n"
        head += "Content-Type: message/rfc822\n\n"
        return head.encode() + inner + f"\n--{boundary}--\n".encode()

    once = forwarded(message(gzipped(NEW)), "once")
    assert host.receive(forwarded(once, "twice")) == 0
    assert capsys.readouterr().out == "the message contains no report\n"
    assert host.receive(once) == 0
    assert numbers(host) == EXPECTED


def test_texts_for_people_are_no_reports(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    mail = EmailMessage()
    mail.set_content("This is a feedback report.")
    mail.add_alternative("<!DOCTYPE html><p>This is a <b>feedback</b> report.", subtype="html")
    mail.add_attachment(b"\x89PNG feedback", "image", "png")
    mail.add_attachment(gzipped(NEW), "application", "gzip")
    assert host.receive(mail.as_bytes()) == 0
    assert capsys.readouterr().out == 'kept: DMARC report "1" of "Reporter" about example.org\n'
    assert numbers(host) == EXPECTED


def test_quoted_printable_and_missing_padding_are_read(host: Host) -> None:
    mail = EmailMessage()
    mail.set_content(OLD.decode(), subtype="xml", cte="quoted-printable")
    assert host.receive(mail.as_bytes()) == 0
    coded = base64.b64encode(gzipped(dmarc_xml(report_id="2"))).rstrip(b"=")
    head = b"Content-Transfer-Encoding: base64\nContent-Type: application/gzip\n\n"
    assert host.receive(head + coded) == 0
    assert host.told()["example.org"]["dmarc"]["messages"] == 141


def test_reports_older_than_the_retention_are_removed_with_their_rows(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.receive(message(NEW))
    host.receive(message(tls_json(failure(count=3), failed=3)))
    later = END + 91 * DAY
    monkeypatch.setattr("time.time", lambda: later)
    begin = BEGIN + 91 * DAY
    host.receive(message(dmarc_xml(begin=begin, end=begin + DAY - 1, report_id="2")))
    database = sqlite3.connect(host.file)
    counts = [
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("report", "source", "policy", "failure")
    ]
    database.close()
    assert counts == [1, 1, 0, 0]


def test_only_its_owner_may_read_the_database(host: Host) -> None:
    host.receive(message(NEW))
    assert stat.S_IMODE(host.file.stat().st_mode) == 0o600


def test_the_domains_may_be_given_instead(host: Host, tmp_path: Path) -> None:
    (tmp_path / "base.json").unlink()
    (tmp_path / "report.xml").write_bytes(dmarc_xml(domain="Other.Example"))
    host.run("import", "--served", "other.example", str(tmp_path / "report.xml"))
    assert host.told().keys() == {"other.example"}
