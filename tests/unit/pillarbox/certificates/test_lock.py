# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at the same time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pillarbox.certificates.lock import locked


def test_a_run_waits_for_another_and_goes_first_when_that_gives_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes: list[str] = []

    def other() -> None:
        with locked(str(tmp_path)):
            notes.append("second")

    second = threading.Thread(target=other)
    with locked(str(tmp_path)) as give_way:
        second.start()
        while not capsys.readouterr().err:
            time.sleep(0.01)
        notes.append("first")
        give_way()
        notes.append("first again")
    second.join()
    assert notes == ["first", "second", "first again"]
