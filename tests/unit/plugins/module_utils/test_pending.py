# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.pillarbox.mail.plugins.module_utils import _pending


def test_remembers_what_a_daemon_has_not_loaded_until_it_has(tmp_path: Path) -> None:
    state = str(tmp_path)
    assert _pending.read(state, "demo") == []
    _pending.add(state, "demo", ["/etc/b"])
    _pending.add(state, "demo", ["/etc/a", "/etc/b"])
    assert _pending.read(state, "demo") == ["/etc/a", "/etc/b"]
    assert _pending.read(state, "other") == []
    _pending.clear(state, "demo")
    _pending.clear(state, "demo")
    assert list(tmp_path.iterdir()) == []
