# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import tls_key_roll

REPORT = {"rolled": {"ecdsa": {"current": "aa", "next": "bb"}}, "warnings": []}
CLOSED = "echo 'it may be served from 2026-11-20 12:00:00 UTC on, in 1:00:00' >&2; exit 3"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the module with this renewal program, without pauses."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def run(script: str, check: bool = False, **options: Any) -> dict[str, Any]:
        program = tmp_path / "certificates"
        program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n{script}\n')
        program.chmod(0o755)
        args = {"program": str(program), **options, "_ansible_check_mode": check}
        with patch_module_args(args), pytest.raises(SystemExit):
            tls_key_roll.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def calls(directory: Path) -> list[str]:
    return (directory / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("check", "options", "command"),
    [
        (False, {}, "certificates roll"),
        (True, {}, "certificates roll --check"),
        (False, {"compromised": True}, "certificates roll --compromised"),
        (True, {"compromised": True}, "certificates roll --check --compromised"),
    ],
)
def test_tells_which_keys_change(
    check: bool, options: dict[str, Any], command: str, tmp_path: Path, run: Run
) -> None:
    result = run(f"echo '{json.dumps(REPORT)}'", check, **options)
    assert calls(tmp_path) == [command]
    assert result["changed"]
    assert result["rolled"] == REPORT["rolled"]
    assert result["diff"] == {"before": "ecdsa: aa\n", "after": "ecdsa: bb\n"}


def test_what_a_rollover_costs_is_a_warning(run: Run) -> None:
    result = run(f"echo '{json.dumps({**REPORT, 'warnings': ['mail will wait']})}'")
    assert "mail will wait" in str(result["warnings"])


@pytest.mark.parametrize("check", [True, False])
def test_refuses_at_once_with_the_time_that_is_left(check: bool, tmp_path: Path, run: Run) -> None:
    # Check mode does not wait; it reports the current state.
    result = run(CLOSED, check, wait=60 if check else 0)
    assert result["failed"]
    assert result["msg"] == "it may be served from 2026-11-20 12:00:00 UTC on, in 1:00:00"
    assert len(calls(tmp_path)) == 1


def test_waits_for_the_gate_if_asked_to(tmp_path: Path, run: Run) -> None:
    """The gate opens at the third attempt."""
    script = f"[ $(wc -l <{tmp_path}/calls) -ge 3 ] || {{ {CLOSED}; }}"
    result = run(f"{script}\necho '{json.dumps(REPORT)}'", wait=60)
    assert result["changed"]
    assert calls(tmp_path) == ["certificates roll"] * 3


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'the CA is down' >&2; exit 1", "the CA is down"),
        ("exit 2", "certificates failed with status 2"),
    ],
)
def test_a_failure_is_not_waited_for(script: str, message: str, tmp_path: Path, run: Run) -> None:
    result = run(script, wait=60)
    assert result["failed"]
    assert result["msg"].endswith(message)
    assert len(calls(tmp_path)) == 1


def test_gives_up_when_the_wait_is_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert "in 1:00:00" in run(CLOSED, wait=60)["msg"]
    assert 60 < next(clock) < 100
