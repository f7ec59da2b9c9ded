# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies in force, what comes next, and what the daily check says about it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pillarbox import Failure
from pillarbox.check import maturity as check
from pillarbox.check.finding import NOTE, OK, WARNING
from pillarbox.maturity import command
from pillarbox.maturity.ladders import Policy, Step
from pillarbox.maturity.state import Outlook, hindrance, in_force, outlooks
from pillarbox.reports import dmarc, store

from ..reports.samples import BEGIN, NOW, dmarc_xml, record

OLD = date(2026, 10, 1)
OWN = frozenset({"192.0.2.25"})


def policies(dmarc: str = "none", free: bool = True) -> dict[str, Policy]:
    return {"dmarc": Policy(dmarc, OLD, free), "spf": Policy("~all", OLD, free)}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Two reporters saw our mail pass on each of the last four days."""
    file = tmp_path / "reports.sqlite"
    with store.opened(file) as opened:
        for day in range(4):
            for who in "AB":
                begin = BEGIN - day * 86400
                content = dmarc_xml(
                    record(count=50), reporter=who, begin=begin, report_id=f"{who}{day}"
                )
                assert opened.add(dmarc.parse(content), NOW, 90)
    return file


def found(tmp_path: Path, content: dict[str, Any] | None) -> Path:
    file = tmp_path / "check.json"
    if content is not None:
        file.write_text(json.dumps(content))
    return file


def test_reports_and_the_last_check_decide_together(tmp_path: Path, reports: Path) -> None:
    def steps(content: dict[str, Any] | None) -> list[str]:
        known = {"example.org": policies(), "example.com": policies()}
        findings = found(tmp_path, content)
        return [each.step.stage for each in outlooks(known, OWN, NOW, reports, findings)]

    assert steps(None) == ["", "", "", ""]
    assert steps({}) == ["quarantine", "", "", ""]
    assert steps({"DKIM r1 of example.org": {"status": "critical"}}) == ["", "", "", ""]


@pytest.mark.parametrize(
    ("ladder", "dmarc_policy", "urgent", "why"),
    [
        ("dmarc", ("none", True), None, "has not run yet"),
        ("dmarc", ("none", True), ["SPF example.org"], "SPF example.org"),
        ("dmarc", ("none", True), ["DKIM r1 of example.org"], "DKIM r1"),
        ("dmarc", ("none", True), ["DKIM r1 of shop.example.org", "MX example.org"], ""),
        ("mta_sts", ("none", True), ["MX example.org"], "MX example.org"),
        ("mta_sts", ("none", True), ["MTA-STS example.org"], "MTA-STS example.org"),
        ("mta_sts", ("none", True), ["certificate served port 25, IPv4, rsa"], "port 25"),
        ("mta_sts", ("none", True), ["SPF example.org", "MX example.organic"], ""),
        ("spf", ("quarantine", True), [], "DMARC comes first"),
        ("spf", ("none", False), [], "DMARC comes first"),
        # As the settings say, and for good.
        ("spf", ("quarantine", False), [], ""),
        ("spf", ("reject", True), [], ""),
        ("spf", ("reject", True), ["SPF example.org"], "SPF example.org"),
    ],
)
def test_what_has_to_come_first(
    ladder: str, dmarc_policy: tuple[str, bool], urgent: list[str] | None, why: str
) -> None:
    said = hindrance("example.org", ladder, policies(*dmarc_policy), urgent)
    assert why in said and bool(why) == bool(said)


def outlook(policy: Policy, step: Step) -> Outlook:
    return Outlook("example.org", "dmarc", policy, step)


CLIMB, BACK = Step("quarantine", "fine"), Step("none", "failing", back=True)
STAY = Step("", "it stays")


@pytest.mark.parametrize(
    ("policy", "step", "status", "text", "remedy"),
    [
        (Policy("none", OLD, True), CLIMB, NOTE, "none since 2026-10-01: fine", "run site.yml"),
        (Policy("none", OLD, False), CLIMB, NOTE, "fine", "set dmarc.p of example.org in mail_dom"),
        (Policy("quarantine", OLD, True), BACK, WARNING, "failing", "which goes back to none"),
        (Policy("quarantine", OLD, False), BACK, WARNING, "failing", "set dmarc.p of example.org"),
        (Policy("none", OLD, True, "reject"), STAY, NOTE, "went back from reject to none", "repor"),
        (Policy("none", OLD, True), STAY, OK, "none since 2026-10-01: it stays", ""),
    ],
)
def test_each_kind_of_step_has_its_finding(
    policy: Policy, step: Step, status: str, text: str, remedy: str
) -> None:
    finding = check.finding(outlook(policy, step))
    assert finding and (finding.status, finding.subject) == (status, "DMARC of example.org")
    assert text in finding.found and remedy in finding.remedy


def test_nothing_is_said_where_nothing_is_to_be_done() -> None:
    assert check.finding(outlook(Policy("none", OLD, False), STAY)) is None
    assert check.finding(outlook(Policy("reject", OLD, True), STAY)) is None


def test_people_and_programs_read_the_same() -> None:
    both = [
        outlook(Policy("none", OLD, True), CLIMB),
        Outlook("example.org", "spf", Policy("~all", OLD, False), STAY),
    ]
    text = " ".join(command.as_text(both).split())
    assert "DMARC none since 2026-10-01; next quarantine, the next run of site.yml: fine" in text
    assert "SPF ~all since 2026-10-01, as the settings say: it stays" in text
    assert json.loads(command.as_json(both))["example.org"]["dmarc"] == {
        "stage": "none",
        "since": "2026-10-01",
        "free": True,
        "was": "",
        "next": "quarantine",
        "back": False,
        "why": "fine",
    }


def test_a_name_that_is_none_of_the_domains_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "in_force", lambda: {"example.org": policies()})
    with pytest.raises(Failure, match=r"example.net is none of the host's domains: example.org"):
        command.main(["example.net"])


def test_a_damaged_file_is_named_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "maturity.json"
    assert in_force(file) == {}
    for text in ("{", "[]", '{"example.org": {"dmarc": {"stage": "never"}}}'):
        file.write_text(text)
        with pytest.raises(Failure, match=f"{file} is damaged"):
            in_force(file)
