# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option daemon of config_tree, with a systemctl that only records its arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .config_tree_host import Host, Tree

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners, which takes root")

FILES = {"etc/demo.conf": b"colour = red\n"}
OTHER = {"etc/demo.conf": b"colour = blue\n"}
DEMO = {"name": "demo.service"}
SYSTEMCTL = """\
#!/bin/sh
case $1 in
show) cat {state} ;;
*) echo "$1" >>{asked} && test ! -e {broken} && echo ActiveState=active >{state} &&
    echo UnitFileState=enabled >>{state} && echo MainPID=7 >>{state} ;;
esac
"""
JOURNALCTL = """\
#!/bin/sh
case $* in
*--since=@*_PID=7*) cat {refusal} ;;
*) echo no colour ;;
esac
"""


class Systemd:
    """A stand-in for systemd: its programs, a record of their arguments, and their output."""

    def __init__(self, base: Path) -> None:
        self._asked, self._state, self._broken = (base / n for n in ("asked", "state", "broken"))
        self._state.write_text("ActiveState=inactive\nUnitFileState=disabled\n")
        self._refusal = base / "refusal"
        self._refusal.touch()
        text = SYSTEMCTL.format(state=self._state, asked=self._asked, broken=self._broken)
        journalctl = JOURNALCTL.format(refusal=self._refusal)
        programs = {"systemctl": text, "journalctl": journalctl}
        for name, script in programs.items():
            (base / name).write_text(script)
            (base / name).chmod(0o755)

    def asked(self) -> list[str]:
        """Return the recorded commands since the last call."""
        asked = self._asked.read_text().split() if self._asked.exists() else []
        self._asked.unlink(missing_ok=True)
        return asked

    def break_unit(self, broken: bool = True) -> None:
        self._broken.touch() if broken else self._broken.unlink()

    def refuse(self, words: str) -> None:
        """Let the main process log an error at each reload, which succeeds."""
        self._refusal.write_text(words)


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return Systemd(directory)


def test_starts_its_daemon_and_then_leaves_it_alone(host: Host, systemd: Systemd) -> None:
    first = host.run(FILES, daemon=DEMO)
    assert (first["actions"], systemd.asked()) == (["enable", "start"], ["enable", "start"])
    assert first["diff"][-1]["after"] == "enable demo.service\nstart demo.service\n"

    again = host.run(FILES, daemon=DEMO)

    assert (again["changed"], again["actions"], again["diff"]) == (False, [], [])
    assert systemd.asked() == []


@pytest.mark.parametrize(("restart", "action"), [(False, "reload"), (True, "restart")])
def test_has_its_daemon_load_what_was_changed(
    host: Host, systemd: Systemd, restart: bool, action: str
) -> None:
    host.run(FILES, daemon=DEMO)
    systemd.asked()

    result = host.run(OTHER, daemon={**DEMO, "restart": restart})

    assert (result["actions"], systemd.asked()) == ([action], [action])


def test_a_check_predicts_what_is_done_to_the_daemon_and_does_nothing(
    host: Host, systemd: Systemd
) -> None:
    predicted = host.run(FILES, check=True, daemon=DEMO)
    assert (predicted["changed"], systemd.asked()) == (True, [])

    result = host.run(FILES, daemon=DEMO)

    assert predicted["actions"] == result["actions"]
    assert predicted["diff"] == result["diff"]


def test_a_daemon_that_does_not_load_the_tree_is_reported_and_reloaded_by_the_next_run(
    host: Host, systemd: Systemd
) -> None:
    host.run(FILES, daemon=DEMO)
    systemd.break_unit()

    failed = host.run(OTHER, daemon=DEMO)

    assert failed["failed"] and "no colour" in failed["msg"], failed
    assert "etc/demo.conf" in failed["msg"], "what was changed is not lost"
    systemd.break_unit(False)
    systemd.asked()
    assert host.run(OTHER, daemon=DEMO)["actions"] == ["reload"]
    assert systemd.asked() == ["reload"]


def test_a_tree_is_not_installed_before_the_daemon_of_the_one_before_it_runs(
    host: Host, systemd: Systemd
) -> None:
    first = ("first", FILES, {"daemon": DEMO})
    second = ("second", {"etc/second.conf": b""}, {"daemon": DEMO})
    systemd.break_unit()
    assert host.run_all(first, second)["failed"]
    assert not (host.root / "etc/second.conf").exists()
    systemd.break_unit(False)
    systemd.asked()

    result = host.run_all(first, second)

    assert result["actions"] == systemd.asked() == ["enable", "start", "reload"]


def test_a_tree_without_a_daemon_is_loaded_by_that_of_the_next_one(
    host: Host, systemd: Systemd
) -> None:
    second = ("second", {"etc/second.conf": b""}, {"daemon": DEMO})
    host.run_all(("first", FILES, {}), second)
    systemd.break_unit()
    first: Tree = ("first", OTHER, {})
    assert host.run_all(first, second, check=True)["actions"] == ["reload"]
    assert host.run_all(first, second)["failed"]
    systemd.break_unit(False)

    assert host.run_all(first, second)["actions"] == ["reload"]
    assert host.run_all(first, second)["changed"] is False


def test_a_process_for_a_client_that_ends_during_a_reload_is_not_a_refusal(
    host: Host, systemd: Systemd
) -> None:
    host.run(FILES, daemon=DEMO)
    systemd.refuse("master: Error: service(imap): child 42 killed with signal 11\n")
    assert host.run(OTHER, daemon=DEMO)["actions"] == ["reload"]


def test_a_reload_that_succeeds_but_is_refused_by_the_daemon_fails_with_the_daemons_words(
    host: Host, systemd: Systemd
) -> None:
    host.run(FILES, daemon=DEMO)
    systemd.refuse("Error reading configuration: no colour\n")

    failed = host.run(OTHER, daemon=DEMO)

    assert failed["failed"] and "Error reading configuration: no colour" in failed["msg"], failed
    assert "demo.service refused its new configuration" in failed["msg"]
    systemd.refuse("")
    systemd.asked()
    assert host.run(OTHER, daemon=DEMO)["actions"] == ["reload"], "the next run tries again"
    assert systemd.asked() == ["reload"]
