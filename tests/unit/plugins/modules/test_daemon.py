# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.modules.daemon import needed

RUNNING = {"UnitFileState": "enabled", "ActiveState": "active", "NeedDaemonReload": "no"}
STOPPED = {**RUNNING, "ActiveState": "inactive"}


@pytest.mark.parametrize(
    ("state", "reload", "restart", "actions"),
    [
        (RUNNING, False, False, []),
        (RUNNING, True, False, ["reload"]),
        (RUNNING, False, True, ["restart"]),
        (RUNNING, True, True, ["restart"]),
        ({**RUNNING, "ActiveState": "reloading"}, True, False, ["reload"]),
        (STOPPED, False, False, ["start"]),
        # What is started reads its present configuration anyway.
        (STOPPED, True, True, ["start"]),
        ({**RUNNING, "ActiveState": "failed"}, True, False, ["start"]),
        ({**RUNNING, "ActiveState": "activating"}, False, True, ["start"]),
        ({**RUNNING, "UnitFileState": "disabled"}, True, False, ["enable", "reload"]),
        # These have no [Install] section of their own.
        ({**RUNNING, "UnitFileState": "static"}, False, False, []),
        ({**RUNNING, "UnitFileState": "alias"}, False, False, []),
        ({**RUNNING, "NeedDaemonReload": "yes"}, False, False, ["daemon-reload"]),
        (
            {"UnitFileState": "disabled", "ActiveState": "inactive", "NeedDaemonReload": "yes"},
            False,
            True,
            ["daemon-reload", "enable", "start"],
        ),
        # A unit that systemd does not know, as in check mode before its package is installed.
        ({"UnitFileState": "", "ActiveState": "inactive"}, True, False, ["enable", "start"]),
        ({}, False, False, ["enable", "start"]),
    ],
)
def test_does_what_the_state_of_the_unit_needs(
    state: dict[str, str], reload: bool, restart: bool, actions: list[str]
) -> None:
    assert needed(state, reload, restart) == actions
