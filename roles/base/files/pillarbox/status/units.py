# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons and jobs, according to systemd."""

from __future__ import annotations

import time
from collections import Counter

from pillarbox.status.ask import Unanswered, output_of
from pillarbox.status.finding import ATTENTION, OK, Finding, at, counted, quoted, since
from pillarbox.status.parts import Parts, every

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Type,RemainAfterExit,NeedDaemonReload,StateChangeTimestamp,"
    "TriggeredBy"
)
FAILED = "failed"
ACTIVE = ("active", "reloading", "refreshing")
# Seconds for the logs of all failed units.
LOGS = 2.0

Unit = dict[str, str]


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the state of all units of the roles."""
    units = shown(parts)
    deadline = time.monotonic() + LOGS
    logs = {unit["Id"]: last_words(unit["Id"], deadline) for unit in units if fault(unit)}
    return findings(units, logs, now)


def shown(parts: Parts) -> list[Unit]:
    """Return all units of the roles. Raises Unanswered."""
    names = every(parts, "units")
    command = ["systemctl", "show", "--timestamp=unix", f"--property={PROPERTIES}"]
    return read(output_of(*command, "--", *names)) if names else []


def read(printed: str) -> list[Unit]:
    """Return the units in the output of "systemctl show", each once."""
    found: dict[str, Unit] = {}
    for block in printed.strip().split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in unit:
            found[unit["Id"]] = unit
    return list(found.values())


def ends(unit: Unit) -> bool:
    """Whether a unit becomes inactive when its work is done.

    Services of this collection with a socket end when nobody needs them; for others, such as
    Dovecot, Debian has a socket that is not used.
    """
    if unit.get("Id", "").startswith("pillarbox-") and ".socket" in unit.get("TriggeredBy", ""):
        return True
    return unit.get("Type") == "oneshot" and unit.get("RemainAfterExit") == "no"


def fault(unit: Unit) -> str:
    """Return what is wrong with a unit; empty if nothing is."""
    load, active = unit.get("LoadState", ""), unit.get("ActiveState", "")
    if load != "loaded":
        return "not installed" if load == "not-found" else load
    if active == "failed":
        return FAILED
    if active in ACTIVE or ends(unit):
        return ""
    return active if active != "activating" else f"{active} ({unit.get('SubState')})"


def remedy(unit: Unit) -> str:
    """Return what to do about a faulty unit."""
    name, load = unit["Id"], unit.get("LoadState")
    if load == "not-found":
        return f"run site.yml, which installs {name}"
    if load == "masked":
        return f"systemctl unmask {name}; systemctl start {name}"
    if load != "loaded":
        return f"systemctl status {name} shows why systemd cannot read it; fix it, or run site.yml"
    if unit.get("ActiveState") == "inactive":
        return f"systemctl start {name}"
    return f"see journalctl -eu {name} for the cause; fix it, then: systemctl start {name}"


def last_words(name: str, deadline: float) -> str:
    """Return the last line that a unit wrote to the journal; empty if there is none."""
    patience = deadline - time.monotonic()
    if patience <= 0:
        return ""
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=1"]
    try:
        return output_of(*command, f"_SYSTEMD_UNIT={name}", patience=patience).strip()
    except Unanswered:
        return ""


def findings(units: list[Unit], logs: dict[str, str], now: float) -> list[Finding]:
    """Return the findings, given the last log line of each faulty unit."""
    broken = [_broken(unit, logs.get(unit["Id"], ""), now) for unit in units if fault(unit)]
    old = [_old(unit["Id"]) for unit in units if unit.get("NeedDaemonReload") == "yes"]
    well = Counter(part_of(unit) for unit in units if not fault(unit))
    found = [*broken, *old]
    if number := well["daemons"]:
        found.append(Finding("daemons", "", OK, f"{counted(number, 'daemon')} active"))
    if number := well["jobs"]:
        text = counted(number, "timer or job", "timers and jobs")
        found.append(Finding("jobs", "", OK, f"{text}, none failed"))
    return found


def part_of(unit: Unit) -> str:
    """Return the part that a unit belongs to: daemons, or jobs with their timers."""
    return "jobs" if ends(unit) or unit["Id"].endswith(".timer") else "daemons"


def _broken(unit: Unit, log: str, now: float) -> Finding:
    text = fault(unit)
    changed = unit.get("StateChangeTimestamp", "").removeprefix("@")
    if changed.isdecimal():
        text += f" {(at if text == FAILED else since)(int(changed), now)}"
    if log:
        text += f": {quoted(log)}"
    return Finding(part_of(unit), unit["Id"], ATTENTION, text, remedy(unit))


def _old(name: str) -> Finding:
    text = "systemd has not read its files since they changed"
    remedy = f"systemctl daemon-reload; systemctl try-reload-or-restart {name}"
    return Finding("configuration", name, ATTENTION, text, remedy)
