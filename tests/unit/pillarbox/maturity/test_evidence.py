# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose mail counts as ours, from the database of reports."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pillarbox import Failure
from pillarbox.maturity import evidence
from pillarbox.maturity.ladders import Tally
from pillarbox.reports import dmarc, store, tlsrpt

from ..reports.samples import BEGIN, NOW, dmarc_xml, failure, record, tls_json

OWN = frozenset({"192.0.2.25"})
SERVICE, STRANGER, FORWARDER = "198.51.100.1", "203.0.113.66", "198.51.100.9"
DAY = date(2026, 11, 26)


def gathered(file: Path, *reports: Any, since: float = 0) -> evidence.Evidence:
    with store.opened(file) as opened:
        for report in reports:
            assert opened.add(report, NOW, 90)
    return evidence.gathered(since, OWN, file)


def dmarc_report(*records: str, **options: Any) -> dmarc.Report:
    return dmarc.parse(dmarc_xml(*records, **options))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reports.sqlite"


@pytest.mark.parametrize(
    ("records", "expected_dmarc", "expected_spf"),
    [
        ([record(count=7)], (7, 0), (7, 0)),
        ([record(count=7, dkim="fail")], (7, 0), (7, 0)),
        ([record(count=7, dkim="fail", spf="fail")], (0, 7), (0, 7)),
        # DKIM carries DMARC, but a record without this host breaks SPF.
        ([record(count=7, spf="fail")], (7, 0), (0, 7)),
        # Mail whose envelope has another domain, as of a user with several addresses.
        ([record(count=7, spf="fail", envelope="example.com")], (7, 0), None),
        # Forgeries.
        ([record(STRANGER, 900, dkim="fail", spf="fail")], None, None),
        # A mailing list that changes most messages.
        (
            [record(STRANGER, 1, spf="fail"), record(STRANGER, 9, dkim="fail", spf="fail")],
            None,
            None,
        ),
        # A forwarder breaks SPF, and DMARC now and then.
        (
            [record(FORWARDER, 9, spf="fail"), record(FORWARDER, 1, dkim="fail", spf="fail")],
            (9, 1),
            (0, 1),
        ),
        # A service of ours with a broken signature.
        (
            [record(SERVICE, 9, envelope="service.example", spf="fail")]
            + [record(SERVICE, 4, envelope="service.example", spf="fail", dkim="fail")],
            (9, 4),
            None,
        ),
    ],
)
def test_our_mail_is_told_from_that_of_others(
    file: Path,
    records: list[str],
    expected_dmarc: tuple[int, int] | None,
    expected_spf: tuple[int, int] | None,
) -> None:
    found = gathered(file, dmarc_report(*records)).get("example.org", {})
    for ladder, expected in (("dmarc", expected_dmarc), ("spf", expected_spf)):
        wanted = [Tally(DAY, "Reporter", *expected)] if expected else []
        assert found[ladder] == wanted, ladder


def test_days_reporters_and_domains_are_kept_apart(file: Path) -> None:
    found = gathered(
        file,
        dmarc_report(record(count=1), reporter="A"),
        dmarc_report(record(count=2), reporter="B"),
        dmarc_report(record(count=3), reporter="A", begin=BEGIN - 86400, report_id="2"),
        dmarc_report(record(count=4), reporter="A", begin=BEGIN - 9 * 86400, report_id="3"),
        dmarc_report(record(count=5), reporter="A", domain="example.com"),
        since=BEGIN - 2 * 86400,
    )
    assert sorted(found["example.org"]["dmarc"]) == [
        Tally(date(2026, 11, 25), "A", 3, 0),
        Tally(DAY, "A", 1, 0),
        Tally(DAY, "B", 2, 0),
    ]
    assert found["example.com"]["dmarc"] == [Tally(DAY, "A", 5, 0)]


def test_of_tls_the_sessions_by_policy_count_and_policies_that_cannot_be_fetched(
    file: Path,
) -> None:
    whole = json.loads(tls_json(successful=318, failed=2))
    mode = whole["policies"][0]["policy"]
    assert mode["policy-type"] == "sts"
    nothing = {"policy-type": "no-policy-found", "policy-domain": "example.org"}
    counts = {"total-successful-session-count": 5, "total-failure-session-count": 3}
    details = [failure("sts-policy-fetch-error", 3), failure("starttls-not-supported", 4)]
    whole["policies"].append({"policy": nothing, "summary": counts, "failure-details": details})
    dane = {"policy-type": "tlsa", "policy-domain": "example.org"}
    whole["policies"].append({"policy": dane, "summary": counts})
    (report,) = tlsrpt.parse(json.dumps(whole).encode())

    tallies = gathered(file, report)["example.org"]["mta_sts"]

    assert [tally[2:] for tally in tallies] == [(318, 2), (0, 3)]


def test_reports_count_by_the_authenticated_domain_of_their_sender(file: Path) -> None:
    gathered(file, *(dmarc_report(reporter=who) for who in "ABCD"))
    with closing(sqlite3.connect(file)) as database, database:
        # Of one domain, anybody has many names.
        for who, domain in (("A", "example.net"), ("B", "mx.example.net"), ("C", "")):
            update = "UPDATE report SET sent_by = ? WHERE reporter = ?"
            database.execute(update, (domain, who))
    tallies = evidence.gathered(0, OWN, file)["example.org"]["dmarc"]
    assert sorted(tallies) == [Tally(DAY, "D", 1, 0), Tally(DAY, "example.net", 2, 0)]


def test_without_reports_nothing_is_known_and_a_damaged_database_is_named(file: Path) -> None:
    assert evidence.gathered(0, OWN, file) == {}
    file.write_text("no database, but a text that is long enough to be read as one" * 9)
    with pytest.raises(Failure, match=str(file)):
        evidence.gathered(0, OWN, file)
