# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._unit import needed, wait_for_reload

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
        # A unit that is started reads its current configuration anyway.
        (STOPPED, FILE, True, ["start"]),
        (STOPPED, UNIT, False, ["daemon-reload", "start"]),
        ({**RUNNING, "ActiveState": "failed"}, FILE, False, ["start"]),
        ({**RUNNING, "ActiveState": "activating"}, FILE, True, ["start"]),
        ({**RUNNING, "UnitFileState": "disabled"}, FILE, False, ["enable", "reload"]),
        # These have no [Install] section.
        ({**RUNNING, "UnitFileState": "static"}, [], False, []),
        ({**RUNNING, "UnitFileState": "alias"}, [], False, []),
        ({**RUNNING, "NeedDaemonReload": "yes"}, [], False, ["daemon-reload"]),
        # A unit that does not exist, as in check mode before its package is installed.
        ({"UnitFileState": "", "ActiveState": "inactive"}, FILE, False, ["enable", "start"]),
        ({}, [], False, ["enable", "start"]),
        # A unit that is still running after its package was removed.
        ({"UnitFileState": "", "ActiveState": "active"}, [], False, []),
    ],
)
def test_does_what_the_state_of_the_unit_needs(
    state: dict[str, str], changed: list[str], restart: bool, actions: list[str]
) -> None:
    assert needed(state, changed, restart) == actions


@pytest.mark.parametrize(
    ("state", "changed", "restart", "actions"),
    [
        (RUNNING, [], False, ["start"]),
        (RUNNING, FILE, False, ["reload", "start"]),
        (RUNNING, FILE, True, ["restart"]),
        (STOPPED, [], False, ["start"]),
    ],
)
def test_a_start_of_the_unit_starts_its_timers_again(
    state: dict[str, str], changed: list[str], restart: bool, actions: list[str]
) -> None:
    assert needed(state, changed, restart, idle=True) == actions


@pytest.mark.parametrize(
    ("states", "found"),
    [
        (["active"], "active"),
        # Dovecot notifies systemd of its reload shortly after 'systemctl reload' has returned.
        (["reloading", "reloading", "active"], "active"),
        (["reloading", "failed"], "failed"),
        # It does not wait for a unit that systemd keeps restarting.
        (["activating", "active"], "activating"),
        (["inactive"], "inactive"),
    ],
)
def test_waits_until_a_reload_has_ended(states: list[str], found: str) -> None:
    sequence = iter(states)
    assert wait_for_reload(lambda: next(sequence)) == found


def test_does_not_wait_for_ever() -> None:
    assert wait_for_reload(lambda: "reloading", seconds=0.2) == "reloading"
