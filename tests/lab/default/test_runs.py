# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four runs that the scenario made before its tests: check, run, run again, check again."""

from __future__ import annotations

import pytest

from tests.lab import lab
from tests.lab.runs import Run, runs


@pytest.fixture(scope="module")
def four() -> list[Run]:
    found = runs((lab.LOGS / "default-ansible.log").read_text())
    assert len(found) == 4, f"the log tells of {len(found)} runs of site.yml"
    return found


def test_no_run_failed_or_found_no_host(four: list[Run]) -> None:
    assert [run.failed for run in four] == [[], [], [], []]
    assert all(len(run.tasks) > 20 for run in four)


def test_a_check_on_the_bare_host_predicts_what_the_run_changes(four: list[Run]) -> None:
    assert four[0].changed == four[1].changed


def test_the_second_run_changes_nothing(four: list[Run]) -> None:
    assert four[2].changed == []


def test_a_check_on_the_finished_host_predicts_no_change(four: list[Run]) -> None:
    assert four[3].changed == []


def test_the_runs_are_measured(four: list[Run]) -> None:
    _, first, second, _ = four
    figures = "".join(
        f"measured: {name} run of site.yml: {len(run.tasks)} tasks, {run.seconds:.1f} s\n"
        for name, run in (("first", first), ("second", second))
    )
    (lab.LOGS / "default-measured.log").write_text(figures)
    assert first.seconds > second.seconds


def test_no_secret_is_in_the_log(four: list[Run]) -> None:
    log = (lab.LOGS / "default-ansible.log").read_text()
    for secret in (lab.STATE / "secrets").iterdir():
        assert secret.read_text().strip() not in log, secret.name
