# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator

import pytest

from pillarbox.check import settings
from pillarbox.check.each import each
from pillarbox.check.finding import OK, UNKNOWN, Finding
from pillarbox.check.run import run
from pillarbox.check.settings import Settings
from pillarbox.lookup import Unknown

SETTINGS = Settings({})
FINE = Finding("first", "", OK, "fine")


def fine(_settings: Settings) -> Iterator[Finding]:
    yield FINE


def broken(_settings: Settings) -> Iterator[Finding]:
    yield FINE
    raise RuntimeError("the disk is gone")


def slow(_settings: Settings) -> Iterator[Finding]:
    yield FINE
    time.sleep(30)


def test_a_check_that_fails_or_hangs_is_unknown_and_hides_no_other() -> None:
    checks = {"broken": broken, "slow": slow, "fine": fine}
    outcome = run(SETTINGS, 0.5, checks)
    found = outcome.all()
    assert found.count(FINE) == 3
    assert outcome.partial == {"broken", "slow"}
    unknown = {finding.check: finding.found for finding in found if finding.status == UNKNOWN}
    assert unknown["broken"] == "the disk is gone"
    assert "not done within" in unknown["slow"]


def test_one_subject_that_fails_is_unknown_and_hides_no_other() -> None:
    def find(number: int) -> Finding:
        return Finding("numbers", str(number), OK, f"{6 // number}")

    found = [(finding.subject, finding.status) for finding in each("numbers", [1, 0, 2], find)]
    assert found == [("1", OK), ("0", UNKNOWN), ("2", OK)]


def test_a_failure_is_told_in_words_and_by_the_name_that_the_subject_always_has() -> None:
    def find(_key: tuple[str, str]) -> Finding:
        raise smtplib.SMTPResponseException(454, b"4.3.0 Try again later")

    (found,) = each("DKIM", [("e1", "example.org")], find, " of ".join)
    assert (found.subject, found.found) == ("e1 of example.org", "454 4.3.0 Try again later")


def test_without_an_answer_from_dns_the_ports_are_still_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(name: object, kind: str) -> None:
        raise Unknown("no answer in time")

    monkeypatch.setattr(settings, "ask", ask)
    monkeypatch.setattr(settings, "output_of", lambda *_command: "ipv4\n")
    found = Settings({"base": {"hostname": "mx.example.org", "addresses": []}})
    assert [str(door) for door in found.doors] == ["127.0.0.1"]
