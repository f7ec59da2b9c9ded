# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._unit import needed, settled

RUNNING = {"UnitFileState": "enabled", "ActiveState": "active", "NeedDaemonReload": "no"}
STOPPED = {**RUNNING, "ActiveState": "inactive"}


FILE = ["/etc/demo.conf"]
UNIT = ["/etc/demo.conf", "/etc/systemd/system/demo.service.d/x.conf"]


@pytest.mark.parametrize(
    ("state", "changed", "restart", "actions"),
    [
        (RUNNING, [], False, []),
        (RUNNING, [], True, []),
        (RUNNING, FILE, False, ["reload"]),
        (RUNNING, FILE, True, ["restart"]),
        (RUNNING, UNIT, False, ["daemon-reload", "restart"]),
        ({**RUNNING, "ActiveState": "reloading"}, FILE, False, ["reload"]),
        (STOPPED, [], False, ["start"]),
        # What is started reads its present configuration anyway.
        (STOPPED, FILE, True, ["start"]),
        (STOPPED, UNIT, False, ["daemon-reload", "start"]),
        ({**RUNNING, "ActiveState": "failed"}, FILE, False, ["start"]),
        ({**RUNNING, "ActiveState": "activating"}, FILE, True, ["start"]),
        ({**RUNNING, "UnitFileState": "disabled"}, FILE, False, ["enable", "reload"]),
        # These have no [Install] section of their own.
        ({**RUNNING, "UnitFileState": "static"}, [], False, []),
        ({**RUNNING, "UnitFileState": "alias"}, [], False, []),
        ({**RUNNING, "NeedDaemonReload": "yes"}, [], False, ["daemon-reload"]),
        # A unit that systemd does not know, as in check mode before its package is installed.
        ({"UnitFileState": "", "ActiveState": "inactive"}, FILE, False, ["enable", "start"]),
        ({}, [], False, ["enable", "start"]),
        # One that outlived its package.
        ({"UnitFileState": "", "ActiveState": "active"}, [], False, []),
    ],
)
def test_does_what_the_state_of_the_unit_needs(
    state: dict[str, str], changed: list[str], restart: bool, actions: list[str]
) -> None:
    assert needed(state, changed, restart) == actions


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (["active"], "active"),
        # Dovecot tells systemd of its reload a moment after 'systemctl reload' has ended.
        (["reloading", "reloading", "active"], "active"),
        (["reloading", "failed"], "failed"),
        # A unit that systemd starts again and again is not waited for.
        (["activating", "active"], "activating"),
        (["inactive"], "inactive"),
    ],
)
def test_waits_until_a_reload_has_ended(states: list[str], found: str) -> None:
    told = iter(states)
    assert settled(lambda: next(told)) == found


def test_does_not_wait_for_ever() -> None:
    assert settled(lambda: "reloading", seconds=0.2) == "reloading"
