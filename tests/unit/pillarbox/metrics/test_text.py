# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text format; promtool checks it in the lab."""

from __future__ import annotations

import pytest

from pillarbox.metrics.command import collected
from pillarbox.metrics.host import counted
from pillarbox.metrics.text import as_text, counter, gauge, plain
from pillarbox.status.finding import ATTENTION, OK, Finding


def test_families_have_help_and_type_and_labels_are_escaped() -> None:
    text = as_text([
        plain("pillarbox_a_bytes", "Size.", 1024.0 * 10**9),
        counter("pillarbox_b_total", "Events.", ({"what": 'a "b"\\c\nd'}, True), ({}, 0.5)),
        gauge("pillarbox_none", "Nothing."),
    ])  # fmt: skip
    assert text.splitlines() == [
        "# HELP pillarbox_a_bytes Size.",
        "# TYPE pillarbox_a_bytes gauge",
        "pillarbox_a_bytes 1024000000000",
        "# HELP pillarbox_b_total Events.",
        "# TYPE pillarbox_b_total counter",
        r'pillarbox_b_total{what="a \"b\"\\c\nd"} 1',
        "pillarbox_b_total 0.5",
    ]
    assert text.endswith("\n") and as_text([]) == ""


def test_a_time_keeps_its_milliseconds() -> None:
    assert as_text([plain("t_seconds", "Time.", 1795738580.25)]).endswith(" 1795738580.25\n")


def test_a_collector_that_fails_keeps_back_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_parts: object, _now: float) -> list[object]:
        raise OSError("the disk is gone")

    fine = [plain("pillarbox_fine", "Fine.", 1)]
    text = collected({}, 5.0, {"broken": broken, "fine": lambda *_: fine})  # type: ignore[dict-item]
    assert 'pillarbox_collector_success{collector="broken"} 0' in text
    assert 'pillarbox_collector_success{collector="fine"} 1' in text
    assert "pillarbox_fine 1" in text and "pillarbox_metrics_timestamp_seconds 5" in text
    assert capsys.readouterr().err == "broken: the disk is gone\n"


def test_each_part_of_the_status_has_every_state() -> None:
    finding = Finding("dkim", "", OK, "fine")
    text = as_text([counted([finding, finding._replace(state=ATTENTION), finding])])
    assert text.splitlines()[2:] == [
        'pillarbox_status_findings{part="dkim",state="ok"} 2',
        'pillarbox_status_findings{part="dkim",state="attention"} 1',
        'pillarbox_status_findings{part="dkim",state="unknown"} 0',
    ]
