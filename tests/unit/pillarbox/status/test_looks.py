# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of "pillarbox status" end in time, whatever the state of the host."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from pillarbox import cli, parts
from pillarbox.status import command
from pillarbox.status.ask import Cut, Unanswered, lines_of, output_of
from pillarbox.status.finding import ATTENTION, OK, UNKNOWN, Finding
from pillarbox.status.looks import LOOKS, look
from pillarbox.status.parts import Parts, all_parts
from pillarbox.status.screen import needing


def test_what_cannot_be_looked_at_is_unknown_and_the_rest_is_told() -> None:
    ended = threading.Event()

    def hangs(parts: Parts, now: float) -> list[Finding]:
        ended.wait()
        return []

    def fails(parts: Parts, now: float) -> list[Finding]:
        raise PermissionError("no way")

    def works(parts: Parts, now: float) -> list[Finding]:
        return [Finding("c", "", OK, "well")]

    found = look({}, 0, {"a": hangs, "b": fails, "c": works}, patience=0.2)
    ended.set()
    assert [finding[:4] for finding in found] == [
        ("a", "", UNKNOWN, "no result within 0 s"),
        ("b", "", UNKNOWN, "no way"),
        ("c", "", OK, "well"),
    ]
    assert [finding.part for finding in needing(found)] == ["a", "b"], "it may hide a problem"


def test_a_host_without_any_part_has_only_what_every_host_has() -> None:
    assert {finding.part for finding in look({}, 0)} <= {"memory", "clock", "configuration"}
    assert len(LOOKS) == 11


def test_a_command_that_hangs_is_ended() -> None:
    begin = time.monotonic()
    found = []
    with pytest.raises(Cut, match="sh did not finish within 0 s"):
        for line in lines_of("sh", "-c", "echo 1; exec sleep 60", patience=0.3):
            found.append(line)
    assert found == [b"1\n"]
    assert time.monotonic() - begin < 30


def test_of_a_command_that_is_ended_no_half_line_is_left() -> None:
    found = []
    with pytest.raises(Cut):
        for line in lines_of("sh", "-c", "printf '1\\n2'; exec sleep 60", patience=0.3):
            found.append(line)
    assert found == [b"1\n"]


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(Unanswered, match="sh: no such thing"):
        output_of("sh", "-c", "echo no such thing >&2; exit 1")
    with pytest.raises(Unanswered, match="no-such-command: No such file or directory"):
        output_of("no-such-command")


def test_the_parts_of_roles_that_are_off_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    for role, part in {"base": {"off": ["postsrsd"]}, "postsrsd": {}, "recode": {}}.items():
        (tmp_path / f"{role}.json").write_text(json.dumps(part))
    assert sorted(all_parts()) == ["base", "recode"]


@pytest.mark.parametrize(
    ("state", "remedy", "status"),
    [(OK, "", 0), (UNKNOWN, "", 0), (UNKNOWN, "c", 1), (ATTENTION, "c", 1)],
)
def test_the_exit_status_says_whether_something_needs_attention(
    state: str,
    remedy: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(command, "all_parts", lambda: {"base": {}})
    monkeypatch.setattr(command, "look", lambda parts, now: [Finding("a", "", state, "b", remedy)])
    assert cli.main(["status"]) == status
    assert "a              " in capsys.readouterr().out
    assert cli.main(["status", "--json"]) == status
    assert json.loads(capsys.readouterr().out)["findings"][0]["state"] == state


def test_others_than_root_and_hosts_without_parts_are_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts, "DIRECTORY", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["status"]) == 1
    assert "run this as root" in capsys.readouterr().err
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cli.main(["status"]) == 1
    assert "run site.yml" in capsys.readouterr().err
