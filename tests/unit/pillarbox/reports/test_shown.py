# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox reports" shows, and that no report writes to the terminal."""

from __future__ import annotations

import json
import re

import pytest

from pillarbox.reports.store import DAY

from .conftest import Host
from .samples import BEGIN, dmarc_xml, failure, gzipped, message, record, tls_json

ESCAPES = "\x9b31m\u202e\u2066\u200b\ud7ff\ue000\u2028 <b>&\"'%s{0}$(id)`|;\\ \N{PILE OF POO}"
HOST_FAILS = "messages from this host fail DMARC"
OTHERS_FAIL = "come from elsewhere and fail DMARC"
TLS_FAILS = "TLS sessions failed"


def shown(host: Host, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert host.run(*arguments) == 0
    return capsys.readouterr().out


def advice(host: Host) -> str:
    return " ".join(host.told()["example.org"]["advice"])


def test_the_summary_of_a_domain(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.receive(
        message(
            gzipped(
                dmarc_xml(
                    record(count=1123),
                    record("2001:db8::25", 77, spf="fail", disposition="pass"),
                    record("198.51.100.7", 8, envelope="list.example", spf="fail"),
                    record(
                        "203.0.113.66",
                        90,
                        dkim="fail",
                        spf="fail",
                        disposition="quarantine",
                        signer="bulk.example",
                        envelope="bulk.example",
                    ),
                )
            )
        )
    )
    host.receive(
        message(
            tls_json(
                failure(count=200),
                failure("validation-failure", 3, **{"failure-reason-code": "X509_V_ERR"}),
                successful=5326,
                failed=203,
            )
        )
    )
    assert (
        shown(host, capsys)
        == """\
example.org: 1 DMARC and 1 TLS reports about the last 30 days

DMARC           1,298 messages, 1,208 (93.1 %) pass; policy p=quarantine sp=none
                np=reject
aligned by      DKIM 1,208, SPF 1,123
reported by     Reporter 1
ours               1,123  192.0.2.25 as example.org, DKIM pass example.org (r1),
                          SPF pass example.org
                      77  2001:db8::25 as example.org, DKIM pass example.org
                          (r1), SPF fail example.org
aligned others         8  198.51.100.7 as example.org, DKIM pass example.org
                          (r1), SPF fail list.example
failing               90  203.0.113.66 as example.org, DKIM fail list.example
                          (x), SPF fail bulk.example, quarantined
TLS             5,529 sessions, 203 (3.7 %) failed
reported by     Company-X 1
sts             5,326 succeeded, 203 failed (mode testing)
failures             200  sts: certificate-expired at mx.example.org from
                          2001:db8:abcd::1
                       3  sts: validation-failure at mx.example.org from
                          2001:db8:abcd::1 "X509_V_ERR"

Needs attention:
  90 of 1,298 messages come from elsewhere and fail DMARC, most from
      203.0.113.66. If a service of yours sends them, have it sign with DKIM, or
      allow it in SPF (spf.include). If none does, they are forged, and
      receivers do what your policy says (p=quarantine sp=none np=reject).
  203 of 5,529 TLS sessions failed, most by certificate-expired: pillarbox
      certificates status shows the certificate that is served.
"""
    )


def test_no_reports_are_a_summary_too(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(host, capsys) == "no reports about the last 30 days\n"
    assert not host.file.exists()
    host.receive(message(dmarc_xml()))
    assert shown(host, capsys, "--days", "1", "example.com") == "no reports about the last 1 day\n"


def test_only_the_days_and_the_domain_that_are_asked_for_are_shown(host: Host) -> None:
    for days, domain in ((0, "example.org"), (20, "example.org"), (20, "example.com")):
        begin = BEGIN - days * DAY
        report = dmarc_xml(domain=domain, begin=begin, end=begin + DAY - 1, report_id=str(days))
        host.receive(message(report))
    assert {name: each["dmarc"]["messages"] for name, each in host.told().items()} == {
        "example.org": 2,
        "example.com": 1,
    }
    assert host.told("--days", "7").keys() == {"example.org"}
    assert host.told("Example.COM").keys() == {"example.com"}


def test_the_group_of_a_source_is_told_by_its_address_and_alignment(host: Host) -> None:
    host.receive(
        message(
            dmarc_xml(
                record("192.0.2.25", 1),
                record("10.0.0.5", 2),
                record("2001:db8:0:0::25", 4, spf="fail"),
                record("198.51.100.7", 8, dkim="fail"),
                record("192.0.2.25", 16, dkim="fail", spf="fail"),
            )
        )
    )
    sources = host.told()["example.org"]["dmarc"]["sources"]
    assert {source["count"]: source["group"] for source in sources} == {
        1: "ours",
        2: "ours",
        4: "ours",
        8: "aligned others",
        16: "failing",
    }


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([record(count=1000)], []),
        ([record(count=1000), record("203.0.113.66", 9, dkim="fail", spf="fail")], []),
        ([record(count=5000), record("203.0.113.66", 90, dkim="fail", spf="fail")], []),
        ([record(count=1000), record("203.0.113.66", 90, dkim="fail", spf="fail")], [OTHERS_FAIL]),
        ([record(count=90), record(count=10, dkim="fail", spf="fail")], [HOST_FAILS]),
        ([record("192.0.2.25", 900, dkim="fail", spf="fail")], [HOST_FAILS]),
    ],
)
def test_failures_of_dmarc_need_attention_when_they_are_more_than_noise(
    host: Host, records: list[str], said: list[str]
) -> None:
    host.receive(message(dmarc_xml(*records)))
    assert [each for each in (HOST_FAILS, OTHERS_FAIL) if each in advice(host)] == said


@pytest.mark.parametrize(
    ("failed", "result", "said"),
    [
        (0, "certificate-expired", ""),
        (9, "certificate-expired", ""),
        (50, "certificate-expired", "pillarbox certificates status"),
        (50, "tlsa-invalid", "TLSA records"),
        (50, "sts-policy-fetch-error", "https://mta-sts.example.org/.well-known/mta-sts.txt"),
        (50, "something-new", "look for the time of the report in this host's log"),
    ],
)
def test_failures_of_tls_need_attention_when_they_are_more_than_noise(
    host: Host, failed: int, result: str, said: str
) -> None:
    host.receive(message(tls_json(failure(result, failed), successful=1000, failed=failed)))
    assert (TLS_FAILS in advice(host)) is bool(said)
    assert said in advice(host)


def test_failures_without_details_are_shown_too(host: Host) -> None:
    host.receive(message(tls_json(successful=10, failed=90)))
    assert "90 of 100 TLS sessions failed: look" in advice(host)


def test_no_report_writes_to_the_terminal(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.receive(
        message(
            dmarc_xml(
                record(
                    header_from=ESCAPES,
                    signer=ESCAPES,
                    selector=ESCAPES,
                    envelope=ESCAPES,
                    disposition=f"none{ESCAPES[:3]}",
                ),
                reporter=f"Reporter {ESCAPES}",
                report_id=f"id {ESCAPES}",
            )
        )
    )
    mean = f"\x1b[2J\x07\x08\r\n\0{ESCAPES}"
    host.receive(
        message(
            tls_json(
                failure(
                    count=99,
                    **{
                        "receiving-mx-hostname": mean,
                        "failure-reason-code": mean,
                        "additional-information": mean,
                    },
                ),
                failed=99,
                **{"organization-name": mean, "report-id": mean, "contact-info": mean},
            )
        )
    )
    host.receive(message(dmarc_xml(domain=mean[6:])))
    said = capsys.readouterr().out
    assert "kept: DMARC report" in said and "kept: TLS report" in said
    said += shown(host, capsys) + shown(host, capsys, "--json")
    assert all(character.isprintable() or character == "\n" for character in said)
    # What is printable stays: it is only text.
    assert "<b>&\"'%s{0}$(id)`|;\\" in shown(host, capsys)
    assert json.loads(shown(host, capsys, "--json"))


def test_long_names_are_cut(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.receive(message(dmarc_xml(reporter="x" * 100_000, report_id="y" * 100_000)))
    assert len(capsys.readouterr().out) < 500
    assert len(shown(host, capsys)) < 1500


def test_many_sources_are_not_all_shown(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    records = [record(f"198.51.100.{number}", number + 1) for number in range(50)]
    host.receive(message(dmarc_xml(*records)))
    said = shown(host, capsys)
    assert len(re.findall(r"198\.51\.100\.", said)) == 10
    assert "820  in 40 more" in said
    assert len(host.told()["example.org"]["dmarc"]["sources"]) == 50


@pytest.mark.parametrize("days", ["0", "91", "-1", "x"])
def test_no_more_days_are_shown_than_are_kept(host: Host, days: str) -> None:
    with pytest.raises(SystemExit) as end:
        host.run("--days", days)
    assert end.value.code == 2
