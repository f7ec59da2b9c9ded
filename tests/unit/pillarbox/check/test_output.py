# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.output import EXIT, as_alert, as_json, as_mail, as_metrics, as_text, worst
from pillarbox.check.page import as_page
from pillarbox.metrics.text import as_text as as_prometheus

FINE = Finding("MX", "example.org", OK, "mx.example.org")
WARNS = Finding("DMARC", "example.org", WARNING, "no record", "v=DMARC1; …", "run site.yml")
URGENT = Finding("SPF", "example.org", CRITICAL, "fail for 192.0.2.1", "pass", "add mx")
SILENT = Finding("DNS list", "192.0.2.1", UNKNOWN, "no answer")


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        ([OK, NOTE], 0),
        ([OK, WARNING, UNKNOWN], 1),
        ([WARNING, CRITICAL, UNKNOWN], 2),
        ([OK, UNKNOWN, NOTE], 3),
    ],
)
def test_the_exit_status_is_that_of_a_nagios_plugin(statuses: list[str], code: int) -> None:
    assert EXIT[worst([FINE._replace(status=status) for status in statuses])] == code


def test_the_most_urgent_comes_first_with_its_remedy_and_what_is_fine_is_only_counted() -> None:
    text = as_text([FINE, WARNS, SILENT, URGENT], "mx", 0, False, False)
    assert text.index("critical SPF") < text.index("warning  DMARC") < text.index("unknown")
    assert "→ add mx" in text and "MX, example.org" not in text
    assert text.endswith("4 findings: 1 critical, 1 warning, 1 unknown, 1 ok")
    assert "ok       MX, example.org: mx.example.org" in as_text([FINE], "mx", 0, True, False)


def test_what_others_say_cannot_control_the_terminal() -> None:
    hostile = URGENT._replace(found="\033[2J\a<script>\u202e")
    shown = as_text([hostile], "mx", 0, False, False)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert json.loads(as_json([hostile], "mx", 0))["findings"][0]["found"] == hostile.found


def test_a_page_has_all_findings_and_nothing_of_others_acts_in_it() -> None:
    hostile = URGENT._replace(found='<script>alert("x")</script>\a', remedy="a & b")
    page = as_page([FINE, hostile], "mx", 0)
    assert "<script" not in page and "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;�" in page
    assert "→ a &amp; b" in page and "wanted: pass" in page
    assert page.index("critical</td>") < page.index("<summary>1 ok") < page.index("mx.example.org")
    assert "Nothing needs attention" in as_page([FINE], "mx", 0)


def test_what_began_on_another_day_has_its_date() -> None:
    old = URGENT._replace(since="1969-12-24T05:00:00Z")
    assert "since 1969-12-24" in as_text([old], "mx", 0, False, False)
    today = URGENT._replace(since="1970-01-01T00:00:00Z")
    assert "since" not in as_text([today], "mx", 0, False, False)


def test_lines_are_as_wide_as_a_terminal() -> None:
    long = URGENT._replace(found="word " * 60, remedy="do " * 60)
    assert max(map(len, as_text([long], "mx", 0, False, False).splitlines())) <= 80


def test_prometheus_gets_the_number_of_findings() -> None:
    assert 'pillarbox_check_findings{check="MX",status="ok"} 2' in as_prometheus(
        [as_metrics([FINE, FINE])]
    )


def test_a_mail_is_about_what_changed_and_there_is_none_without_a_change() -> None:
    assert as_mail([], [], "mx", 0) == ""
    mail = as_mail([WARNS, URGENT], ["MX example.net"], "mx", 0)
    assert mail.startswith("Subject: mx: critical SPF, 1 more, 1 resolved\n\n")
    assert "  MX example.net\n" in mail


def test_the_webhook_gets_one_line_about_what_is_critical() -> None:
    assert as_alert([WARNS, SILENT], "mx") == ""
    line = "mx: critical: SPF, example.org: fail for 192.0.2.1"
    assert as_alert([WARNS, URGENT], "mx") == line
    foreign = URGENT._replace(check="MX", subject="", found="a\nb\x1b[31m")
    assert as_alert([foreign, URGENT, URGENT], "mx") == (
        "mx: critical: MX: a�b�[31m; 2 more critical findings"
    )
