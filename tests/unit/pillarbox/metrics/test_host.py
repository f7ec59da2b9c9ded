# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, queue and file systems, given what systemctl(1) and postqueue(1) print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pillarbox.metrics import host
from pillarbox.metrics.text import as_text
from pillarbox.status import mail_queue, units

from ..status.test_mail_queue import NOW, message

Parts = dict[str, dict[str, Any]]


def lines(families: list[Any]) -> list[str]:
    return [line for line in as_text(families).splitlines() if not line.startswith("#")]


def test_a_unit_is_well_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = """\
Id=a.service
LoadState=loaded
ActiveState=active

Id=b.service
LoadState=loaded
ActiveState=failed
"""
    monkeypatch.setattr(units, "output_of", lambda *_command: shown)
    parts: Parts = {"base": {"units": ["a.service", "b.service"]}}
    assert lines(host.unit_states(parts, NOW)) == [
        'pillarbox_unit_ok{unit="a.service",part="daemons"} 1',
        'pillarbox_unit_ok{unit="b.service",part="daemons"} 0',
    ]


def test_each_queue_has_a_size_and_an_age_even_if_it_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued = [message("deferred", 50), message("deferred", 70), message("corrupt", 5)]
    monkeypatch.setattr(mail_queue, "lines_of", lambda *_command, patience: iter(queued))
    found = lines(host.queue({"postfix": {}}, NOW))
    assert 'pillarbox_queue_messages{queue="deferred"} 2' in found
    assert 'pillarbox_queue_messages{queue="corrupt"} 1' in found
    assert 'pillarbox_queue_messages{queue="hold"} 0' in found
    assert 'pillarbox_queue_oldest_age_seconds{queue="deferred"} 70' in found
    assert 'pillarbox_queue_oldest_age_seconds{queue="active"} 0' in found
    assert host.queue({}, NOW) == []


def test_a_file_system_that_is_gone_does_not_hide_the_others(tmp_path: Path) -> None:
    parts: Parts = {"a": {"directories": {"lost": f"{tmp_path}/lost", "mail": str(tmp_path)}}}
    found = lines(host.file_systems(parts, NOW))
    label = f'{{directory="mail",path="{tmp_path}"}}'
    values = dict(line.rsplit(" ", 1) for line in found)
    size = float(values[f"pillarbox_filesystem_size_bytes{label}"])
    assert 0 <= float(values[f"pillarbox_filesystem_avail_bytes{label}"]) <= size
    assert values[f"pillarbox_filesystem_readonly{label}"] == "0"
    assert not [line for line in found if "lost" in line]


def test_memory_has_its_size() -> None:
    size, available = (float(line.split()[-1]) for line in lines(host.memory({}, NOW)))
    assert 0 < available <= size
