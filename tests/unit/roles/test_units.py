# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of the program: systemd reads confinement.conf after each of them (systemd.unit(5))."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ..paths import ROLES

UNITS = sorted(
    file
    for pattern in ("pillarbox-*.service", "pillarbox-*.service.j2")
    for file in ROLES.rglob(f"systemd/system/{pattern}")
    if file.is_file()
)
# Timers that run only with a setting, and whose job fails without it.
SWITCHED = ("dmarc-reports", "metrics", "page", "tls-reports")
# Adds up, instead of being replaced.
ADDED = {"SystemCallFilter"}


def names(text: str) -> set[str]:
    return set(re.findall(r"^([A-Z]\w+)=", text, re.MULTILINE))


def of_all() -> set[str]:
    """The names of the settings that all units have."""
    (file,) = ROLES.rglob("pillarbox-.service.d/confinement.conf.j2")
    common = yaml.safe_load((ROLES / "mail/vars/main.yml").read_text())["mail_confinement"]
    return names(file.read_text()) | names(common)


@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.name)
def test_no_unit_says_what_has_no_effect(unit: Path) -> None:
    assert names(unit.read_text()) & of_all() - ADDED == set(), (
        "write it to another file of the drop-in directory of this unit, as strict.conf is"
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda file: file.name)
def test_root_is_notified_when_a_job_fails_or_the_unit_says_why_not(unit: Path) -> None:
    text = unit.read_text()
    if "Type=oneshot" in text:
        assert re.search(r"^OnFailure=pillarbox-failed@%N|^# Without OnFailure=, ", text, re.M)


def test_the_units_and_what_they_share_are_found() -> None:
    assert len(UNITS) > 15
    assert {"ProtectClock", "PrivateTmp", "RestrictAddressFamilies"} <= of_all()


@pytest.mark.parametrize("name", SWITCHED)
def test_a_timer_stops_when_its_setting_is_removed(name: str) -> None:
    (file,) = ROLES.rglob(f"systemd/system/pillarbox-{name}.timer")
    timer = file.read_text()
    assert "[Install]" not in timer and "StopWhenUnneeded=yes" in timer
    # systemd looks when the state of the timer changes: each minute, or as its daemon restarts.
    assert "PartOf=" in timer or "OnCalendar=minutely" in timer
