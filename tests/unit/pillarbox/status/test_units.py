# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about daemons and jobs, given the output of systemctl(1)."""

from __future__ import annotations

import pytest

from pillarbox.status import units
from pillarbox.status.finding import ATTENTION, OK, quoted, since

NOW = 1795673526


def shown(name: str, active: str, **others: str) -> str:
    """A unit as "systemctl show --timestamp=unix" prints it."""
    fields = {
        "Type": "notify",
        "RemainAfterExit": "no",
        "Id": name,
        "LoadState": "loaded",
        "ActiveState": active,
        "SubState": "dead",
        "StateChangeTimestamp": f"@{NOW - 320}",
        "NeedDaemonReload": "no",
        **others,
    }
    # systemctl leaves the first two out for a timer.
    lines = [f"{key}={value}" for key, value in fields.items() if value != "-"]
    return "\n".join(lines) + "\n"


DOVECOT = shown("dovecot.service", "active")
JOB = shown("pillarbox-certificates.service", "inactive", Type="oneshot")
TIMER = shown("pillarbox-certificates.timer", "active", Type="-", RemainAfterExit="-")
RULES = shown("pillarbox-connections.service", "active", Type="oneshot", RemainAfterExit="yes")


def told(*blocks: str, **logs: str) -> list[tuple[str, str, str, str]]:
    """Part, subject, text and remedy of what needs attention."""
    found = units.findings(
        units.read("\n".join(blocks)), {f"{name}.service": log for name, log in logs.items()}, NOW
    )
    return [(it.part, it.subject, it.text, it.remedy) for it in found if it.state == ATTENTION]


def test_what_runs_and_what_has_ended_well_is_counted() -> None:
    found = units.findings(units.read("\n".join([DOVECOT, JOB, TIMER, RULES])), {}, NOW)
    assert [(it.part, it.state, it.text) for it in found] == [
        ("daemons", OK, "2 daemons active"),
        ("jobs", OK, "2 timers and jobs, none failed"),
    ]


def test_a_stopped_daemon_is_named_with_its_last_words() -> None:
    stopped = shown("dovecot.service", "inactive")
    assert told(stopped, dovecot="master: Warning: Killed with signal 15") == [
        (
            "daemons",
            "dovecot.service",
            f'inactive {since(NOW - 320, NOW)}: "master: Warning: Killed with signal 15"',
            "systemctl start dovecot.service",
        )
    ]
    assert "(5 minutes)" in told(stopped)[0][2]


def test_a_job_that_failed_is_named_and_one_that_is_at_work_is_not() -> None:
    failed = shown("pillarbox-junk.service", "failed", Type="oneshot")
    [(part, subject, text, remedy)] = told(failed)
    assert (part, subject) == ("jobs", "pillarbox-junk.service")
    assert text.startswith("failed at ") and text.endswith("(5 minutes ago)")
    assert remedy.startswith("see journalctl -eu pillarbox-junk.service ")
    assert told(shown("pillarbox-junk.service", "activating", Type="oneshot")) == []


def test_a_service_that_its_socket_starts_may_be_idle_but_not_failed() -> None:
    name, socket = "pillarbox-setup.service", {"TriggeredBy": "pillarbox-setup.socket"}
    assert told(shown(name, "inactive", **socket)) == []
    [(_part, subject, _text, _remedy)] = told(shown(name, "failed", **socket))
    assert subject == name
    # Debian's socket of Dovecot is not used.
    [(_part, subject, text, _remedy)] = told(
        shown("dovecot.service", "inactive", TriggeredBy="dovecot.socket")
    )
    assert (subject, text.split()[0]) == ("dovecot.service", "inactive")


@pytest.mark.parametrize(
    ("name", "fields", "text", "remedy"),
    [
        ("a.timer", {"active": "inactive", "Type": "-"}, "inactive", "systemctl start a.timer"),
        (
            "a.service",
            {"active": "inactive", "LoadState": "not-found", "StateChangeTimestamp": ""},
            "not installed",
            "run site.yml",
        ),
        (
            "a.service",
            {"active": "inactive", "LoadState": "masked"},
            "masked",
            "systemctl unmask a.service; systemctl start a.service",
        ),
        (
            "a.service",
            {"active": "activating", "SubState": "auto-restart"},
            "activating (auto-restart)",
            "see journalctl -eu a.service",
        ),
        (
            "a.service",
            {"active": "inactive", "Type": "oneshot", "RemainAfterExit": "yes"},
            "inactive",
            "systemctl start a.service",
        ),
    ],
)
def test_whatever_else_is_wrong_with_a_unit_is_named(
    name: str, fields: dict[str, str], text: str, remedy: str
) -> None:
    [(_part, subject, said, do)] = told(shown(name, **fields))
    assert subject == name
    assert said.startswith(text) and do.startswith(remedy)


def test_a_reload_is_no_fault() -> None:
    assert told(shown("dovecot.service", "reloading")) == []


def test_a_unit_whose_files_have_changed_since_is_named() -> None:
    [(part, subject, _text, remedy)] = told(
        shown("unbound.service", "active", NeedDaemonReload="yes")
    )
    assert (part, subject) == ("configuration", "unbound.service")
    assert remedy.startswith("systemctl daemon-reload")


def test_a_unit_of_two_parts_counts_once() -> None:
    assert len(units.read("\n".join([DOVECOT, DOVECOT]))) == 1


def test_words_of_others_are_short_and_do_not_touch_the_terminal() -> None:
    assert quoted("a\x1b[2Jb\nc") == '"a [2Jb c"'
    assert len(quoted("x" * 1000)) == 152
