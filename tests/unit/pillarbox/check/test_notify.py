# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daily check does with its findings, in an order that a broken part cannot upset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.check import command
from pillarbox.check.finding import CRITICAL, OK, Finding
from pillarbox.check.memory import Memory
from pillarbox.check.run import Outcome

LISTED = Finding("DNS list", "192.0.2.1", CRITICAL, "listed")


def notify(directory: Path, *findings: Finding) -> None:
    memory = Memory(directory / "check.json")
    command.notify(memory, Outcome({"DNS list": list(findings)}, frozenset()), "mx", 0)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order. Mail cannot be sent."""
    steps: list[str] = []

    def noted(name: str) -> Callable[..., None]:
        return lambda *arguments: steps.append(" ".join([name, *arguments]))

    def sendmail(*_command: str, given: bytes) -> None:
        steps.append("mail")
        raise Failure("sendmail: the disk is full")

    monkeypatch.setattr(command, "save", lambda *_found: steps.append("save"))
    monkeypatch.setattr(command, "alert", noted("alert"))
    monkeypatch.setattr(command, "heartbeat", noted("heartbeat"))
    monkeypatch.setattr(command, "execute", sendmail)
    return steps


def test_the_webhook_and_the_saved_findings_do_not_need_the_mail(
    done: list[str], tmp_path: Path
) -> None:
    with pytest.raises(Failure, match="disk is full"):
        notify(tmp_path, LISTED)
    assert done == ["save", "alert mx: critical: DNS list, 192.0.2.1: listed", "heartbeat", "mail"]


def test_a_full_disk_keeps_nobody_from_hearing_of_it(
    monkeypatch: pytest.MonkeyPatch, done: list[str], tmp_path: Path
) -> None:
    def full(*_found: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(command, "save", full)
    with pytest.raises(Failure, match="disk is full"):
        notify(tmp_path, LISTED)
    assert done == ["alert mx: critical: DNS list, 192.0.2.1: listed", "heartbeat", "mail"]


def test_a_quiet_day_has_only_a_heartbeat(done: list[str], tmp_path: Path) -> None:
    notify(tmp_path, LISTED._replace(status=OK))
    assert done == ["save", "heartbeat"]
