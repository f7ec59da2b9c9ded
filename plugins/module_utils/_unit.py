# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a systemd unit enabled and running with its current configuration.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection

from ansible.module_utils.basic import AnsibleModule


class UnitError(Exception):
    """A unit does not run; the message ends with its log."""


def bring_up(
    module: AnsibleModule, unit: str, changed: Collection[str], restart: bool
) -> list[str]:
    """Enable, start, reload or restart the unit as needed; return the systemctl verbs.

    Args:
        module: runs the commands; check mode runs none that change anything.
        unit: the unit with its suffix.
        changed: paths of configuration that it has not loaded yet.
        restart: whether loading them needs a restart.

    Raises:
        UnitError: systemctl failed, the unit is not active afterwards, or it refused to load what
            was changed.
    """

    def read() -> dict[str, str]:
        properties = "--property=UnitFileState,ActiveState,NeedDaemonReload,MainPID,Wants"
        lines = _systemctl(module, unit, "show", properties, unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    before = read()
    timers = [name for name in before.get("Wants", "").split() if name.endswith(".timer")]
    idle = bool(timers) and "inactive" in _systemctl(
        module, unit, "show", "--property=ActiveState", "--value", *timers
    )
    actions = needed(before, changed, restart, idle)
    if actions and not module.check_mode:
        started = time.time()
        for action in actions:
            _systemctl(module, unit, action, *([] if action == "daemon-reload" else [unit]))
        state = wait_for_reload(lambda: read().get("ActiveState", ""))
        if state != "active":
            raise _error(module, unit, f"{unit} is {state or 'unknown'} after {', '.join(actions)}")
        reloaded = "reload" in actions
        if reloaded and (said := _errors(module, before.get("MainPID", "0"), started)):
            raise UnitError(
                f"{unit} refused its new configuration and runs on with the old one. Correct what "
                f"it says, then run again, which reloads it again:\n{said}"
            )
    return actions


def diff(unit: str, actions: Collection[str]) -> dict[str, str]:
    """Return the actions on the unit in the form of --diff."""
    return {"before": "", "after": "".join(f"{action} {unit}\n" for action in actions)}


def needed(
    state: dict[str, str], changed: Collection[str], restart: bool, idle: bool = False
) -> list[str]:
    """Return the systemctl verbs needed for a unit to run as configured.

    Args:
        state: properties of the unit (systemctl show); empty for an unknown unit.
        changed: paths of configuration that it has not loaded yet.
        restart: whether loading them needs a restart.
        idle: whether a timer that the unit wants is stopped; a start of the unit starts it, too.
    """
    units = any(path.startswith("/etc/systemd/system/") for path in changed)
    actions = []
    if units or state.get("NeedDaemonReload") == "yes":
        actions.append("daemon-reload")
    active = state.get("ActiveState") in ("active", "reloading")
    # Debian's Postfix keeps running when its package is removed; reinstalling enables it.
    outlived = active and not state.get("UnitFileState")
    if state.get("UnitFileState") not in ("enabled", "static", "alias") and not outlived:
        actions.append("enable")
    if not active:
        actions.append("start")
    elif changed:
        actions.append("restart" if units or restart else "reload")
    if idle and not {"start", "restart"} & {*actions}:
        actions.append("start")
    return actions


def wait_for_reload(state: Callable[[], str], seconds: float = 30.0) -> str:
    """Return the ActiveState of a unit once its reload has finished.

    A Type=notify daemon reloads after ExecReload has returned, so systemctl returns too early;
    only Type=notify-reload would wait (systemd.service(5)).

    Args:
        state: reads the ActiveState.
        seconds: the timeout.
    """
    deadline = time.monotonic() + seconds
    while (found := state()) == "reloading" and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _systemctl(module: AnsibleModule, unit: str, *arguments: str) -> str:
    rc, out, err = module.run_command(["systemctl", *arguments])
    if rc != 0:
        message = " ".join(err.split())
        raise _error(module, unit, f"'systemctl {' '.join(arguments)}' failed: {message}")
    return str(out)


def _errors(module: AnsibleModule, pid: str, since: float) -> str:
    """Return the errors that a main process has logged since a time.

    A daemon that cannot read its configuration at a reload says so there and runs on, and its
    reload succeeds. What its other processes log is about their clients, and so is what Dovecot's
    main process logs about the end of one of them.
    """
    if pid == "0":  # a unit that only stands for others
        return ""
    # Waits until what was logged can be read.
    module.run_command(["timeout", "10", "journalctl", "--sync"])
    sought = ["--priority=err", f"--since=@{since:.6f}", f"_PID={pid}"]
    command = ["journalctl", "--no-pager", "--quiet", "--output=cat", *sought]
    lines = module.run_command(command)[1].splitlines()
    return "\n".join(line for line in lines if not re.search(r"service\([\w-]+\): child \d+", line))


def _error(module: AnsibleModule, unit: str, problem: str) -> UnitError:
    """Return the error with the end of the unit's log, which has the cause."""
    log = module.run_command(["journalctl", "--no-pager", "-o", "cat", "-n", "10", "-u", unit])[1]
    return UnitError(f"{problem}. The end of the log of {unit}:\n{log.strip()}")
