# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending


def test_remembers_what_a_daemon_has_not_loaded_until_it_has(tmp_path: Path) -> None:
    state = str(tmp_path)
    assert pending.read(state, "demo") == []
    pending.add(state, "demo", ["/etc/b"])
    pending.add(state, "demo", ["/etc/a", "/etc/b"])
    assert pending.read(state, "demo") == ["/etc/a", "/etc/b"]
    assert pending.read(state, "other") == []
    pending.clear(state, "demo")
    pending.clear(state, "demo")
    assert list(tmp_path.iterdir()) == []
