# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.stage import lock


def test_the_state_is_private_and_what_is_beside_it_is_not_whatever_the_umask(
    tmp_path: Path,
) -> None:
    state = tmp_path / "pillarbox/config_tree"
    before = os.umask(0o077)
    try:
        with lock(str(state), create=True) as locked:
            assert locked
    finally:
        os.umask(before)
    modes = [directory.stat().st_mode & 0o777 for directory in (state.parent, state)]
    assert modes == [0o755, 0o700]
