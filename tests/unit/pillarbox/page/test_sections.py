# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the status page; tests/lab/web/ has nginx serve it, and a browser show it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from pillarbox.check.finding import CRITICAL, Finding
from pillarbox.check.run import Outcome
from pillarbox.check.saved import save, saved
from pillarbox.page import encryption, findings, host, reports
from pillarbox.page.service import Section, page
from pillarbox.reports.dmarc import parse
from pillarbox.reports.store import opened
from pillarbox.status import finding as states
from pillarbox.status.mail_queue import Tally
from pillarbox.tls.store import Count, Store
from pillarbox.tls.traffic import Way

from ..reports.samples import NOW, dmarc_xml, record
from ..status.test_mail_queue import NOW as QUEUE_NOW
from ..status.test_mail_queue import message

HOSTILE = '<script>x</script><!--# include virtual="/etc/passwd" -->\a'
FAULT = Finding("SPF", "example.org", CRITICAL, HOSTILE, "pass", "add mx")
POSTFIX = {"postfix": {"tls_days": 90}}


def joined(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def cells(html: str) -> list[list[str]]:
    """Return the text of the cells of each row of all tables."""
    rows = re.findall(r"<tr>(.*?)(?=</tr>|<tr>|</table>)", html, re.DOTALL)
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]


@pytest.mark.parametrize("content", [lambda: [f"<p>{1 // 0}</p>"], lambda: iter([1 // 0])])
def test_a_section_that_fails_hides_no_other(
    content: Callable[[], Iterable[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    sections = [Section("bad", "Bad", content), Section("good", "Good", lambda: ["<p>fine</p>"])]
    shown = page("mx.example.org", [FAULT], sections, 0)
    assert '<p class="unknown">unknown: integer division or modulo by zero</p>' in shown
    assert "<p>fine</p>" in shown and '<a href="#good">Good</a>' in shown
    assert capsys.readouterr().err == "Bad: integer division or modulo by zero\n"


def test_the_page_says_when_it_was_written_and_until_when_it_is_good() -> None:
    now = 1795680000.0
    shown = page("mx.example.org", [FAULT], [], now)
    assert f"Written {time.strftime('%Y-%m-%d %H:%M', time.localtime(now))}" in shown
    assert "/^(2026-11-26T08|2026-11-26T09)/" in shown
    assert "<title>mx.example.org: 1 finding: 1 critical</title>" in shown


def test_nothing_of_others_acts_in_it() -> None:
    shown = joined(findings.html([FAULT], 0, 0))
    assert "<script" not in shown and "<!--" not in shown and "\a" not in shown
    assert "&lt;script&gt;" in shown


def test_it_says_when_the_check_was_and_whether_that_is_too_long_ago() -> None:
    assert "has not run yet" in joined(findings.html([], None, 0))
    assert "warning" not in joined(findings.html([], 0, 20 * 3600))
    assert 'class="warning"' in joined(findings.html([], 0, 28 * 3600))


def test_the_last_check_is_saved_without_what_is_looked_at_anew(tmp_path: Path) -> None:
    file = tmp_path / "findings.json"
    assert saved(file) is None
    known = Finding("daemons", "dovecot.service", CRITICAL, "inactive")
    save(Outcome({"host": [known], "SPF": [FAULT]}, frozenset()), 7.0, file)
    assert saved(file) == (7.0, [FAULT])
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("{")
    assert saved(file) is None


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ('1 message, all of them from "alice@example.org"', "…@example.org"),
        ("said: 550 <o'brien_r&d.x=y^~@example.org>: full", "…@example.org>: full"),
        ("said: 550 bob+tag@[192.0.2.1] unknown", "550 …@[192.0.2.1] unknown"),
        ("empty", "empty"),
    ],
)
def test_what_is_said_about_mail_names_no_user(quoted: str, shown: str) -> None:
    found = states.without_users(quoted)
    assert shown in found
    assert not re.search(r"\w@", found)


@pytest.mark.parametrize("text", ["postfix@-.service: failed", "pillarbox-reports@3.service", "@"])
def test_units_keep_their_names(text: str) -> None:
    assert states.without_users(text) == text


def test_the_queue_is_shown_by_domain_and_reason() -> None:
    tally = Tally()
    for sender in ("alice@example.org", "dave@example.org", "MAILER-DAEMON"):
        tally.add(message("deferred", 3600, f"<{sender}> cannot be reached", sender=sender))
    tally.add(message("active", 5))
    shown = joined(host.html([], [tally], QUEUE_NOW))
    rows = cells(shown)
    assert ["deferred", "3", "1 hour"] in rows and ["active", "1", "5 seconds"] in rows
    assert ["example.org", "2"] in rows and ["none (bounces)", "1"] in rows
    assert "alice" not in shown and "dave" not in shown
    assert "<h3>" not in joined(host.html([], [Tally()], QUEUE_NOW))


def test_of_many_domains_the_most_frequent_are_shown_and_the_others_counted() -> None:
    tally = Tally()
    for number in range(15):
        for _message in range(number + 1):
            tally.add(message("deferred", 60, sender=f"x@{number}.example"))
    rows = cells(joined(host.html([], [tally], QUEUE_NOW)))
    assert ["14.example", "15"] in rows and ["5 more", "15"] in rows
    assert ["0.example", "1"] not in rows


def test_partners_are_named_in_each_row_and_none_is_an_address(tmp_path: Path) -> None:
    file = tmp_path / "tls.sqlite"
    assert "Nothing was counted" in joined(encryption.html(POSTFIX, 0, file))
    today = time.strftime("%Y-%m-%d")
    dane = Way("dane", "TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", "")
    with closing(Store(file)) as store:
        counts = [Count(today, "example.net", sent, dane, 2) for sent in (True, False)]
        counts.append(Count(today, "<b>.example", False, Way("clear"), 1))
        store.add(counts, {(today, "silent"): 1}, "", "")
    before = file.read_bytes()
    shown = joined(encryption.html(POSTFIX, time.time(), file))
    rows = cells(shown)
    assert ["example.net", "sent", "2", "DANE", *dane[1:4]] in rows
    assert ["example.net", "received", "2", "DANE", *dane[1:4]] in rows
    assert "1 partner in clear text: &lt;b&gt;.example" in shown and "<b>" not in shown
    assert "data:image/svg+xml;base64," in shown
    assert file.read_bytes() == before
    assert "postfix_tls_days is 0" in joined(
        encryption.html({"postfix": {"tls_days": 0}}, time.time(), file)
    )


def test_reports_are_shown_by_domain_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "addresses", lambda: frozenset({"192.0.2.25"}))
    file = tmp_path / "reports.sqlite"
    assert "No reports" in joined(reports.html(NOW, file))
    assert not file.exists()
    failing = record("203.0.113.66", 90, dkim="fail", spf="fail", envelope="<i>.example")
    with opened(file) as store:
        store.add(parse(dmarc_xml(record(count=7), failing)), NOW, 90)
    before = file.read_bytes()
    shown = joined(reports.html(NOW, file))
    assert "<details open>" in shown and "<i>" not in shown
    rows = cells(shown)
    assert [row[1] for row in rows if row[0] == "DMARC"] == [
        "97 messages, 7 (7.2 %) pass; policy p=quarantine sp=none np=reject"
    ]
    assert ["failing", "90"] in [row[:2] for row in rows]
    assert "90 of 97 messages come from elsewhere and fail DMARC" in shown
    assert file.read_bytes() == before
