# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the module keeps; _mta_sts/test_life.py tests how policies change."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._mta_sts.policy import policy_id
from ansible_collections.pillarbox.mail.plugins.modules import mta_sts_policies

Run = Callable[..., dict[str, Any]]
SETTINGS: dict[str, Any] = {
    "domains": {"example.org": {}, "shop.example.org": {"mta_sts": {"mode": "testing"}}},
    "policy": {"mode": "enforce"},
    "hostname": "mx.example.org",
    "backup_mx": {"mx2.example.net": 20},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "pillarbox" / "mta-sts"


@pytest.fixture
def history(directory: Path) -> Path:
    return directory.with_suffix(".json")


@pytest.fixture
def run(directory: Path, history: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        args = {"path": str(history), "directory": str(directory), **SETTINGS, **options}
        with (
            patch_module_args({**args, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            mta_sts_policies.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def policies(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_each_domain_gets_a_policy_that_the_web_server_can_read(run: Run, directory: Path) -> None:
    result = run()
    assert result["changed"]
    texts = policies(directory)
    assert texts.keys() == {"example.org.txt", "shop.example.org.txt"}
    assert "mode: enforce\nmx: mx.example.org\nmx: mx2.example.net\n" in texts["example.org.txt"]
    assert "mode: testing\n" in texts["shop.example.org.txt"]
    assert result["ids"] == {
        name.removesuffix(".txt"): policy_id(text) for name, text in texts.items()
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o644}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.parents[:2])} == {
        0o755
    }


def test_a_second_run_changes_nothing(run: Run, directory: Path, history: Path) -> None:
    first = run()
    before = {path: path.stat().st_ctime_ns for path in (history, *directory.iterdir())}
    assert {**run(), "invocation": 0} == {**first, "changed": False, "diff": [], "invocation": 0}
    assert {path: path.stat().st_ctime_ns for path in before} == before


def test_a_check_predicts_everything_on_a_bare_host(run: Run, directory: Path) -> None:
    predicted = run(check=True)
    assert not directory.parent.parent.exists()
    done = run()
    assert {**predicted, "invocation": 0} == {**done, "invocation": 0}
    assert "+" not in str(done["ids"]) and done["waiting"] == []


def test_a_withdrawn_policy_is_still_served(run: Run, directory: Path, history: Path) -> None:
    first = run()
    parked = {"domains": {"example.org": {"parked": True}, "shop.example.org": {}}}
    assert run(check=True, **parked)["changed"]
    result = run(**parked)
    assert "mode: none\n" in policies(directory)["example.org.txt"]
    assert result["ids"]["example.org"] != first["ids"]["example.org"]
    assert "example.org: its policy is being withdrawn" in result["waiting"][0]
    assert not run(**parked)["changed"]

    history.write_text(history.read_text().replace('"applied_until": "2', '"applied_until": "1'))
    over = run(**parked)
    assert over["changed"] and "example.org" not in over["ids"]
    assert policies(directory).keys() == {"shop.example.org.txt"}
    assert not run(**parked)["changed"]


def test_nothing_is_left_of_policies_that_never_were(run: Run, directory: Path) -> None:
    result = run(policy={"mode": "none"}, domains={"example.org": {}})
    assert not result["changed"] and result["ids"] == {}
    assert not directory.parent.exists()


def test_a_policy_is_restored_when_somebody_changed_it(run: Run, directory: Path) -> None:
    run()
    before = policies(directory)
    (directory / "example.org.txt").write_text("version: STSv1\nmode: none\nmax_age: 1\n")
    (directory / "stray.example.org.txt").write_text("")
    (directory / "shop.example.org.txt").chmod(0o600)
    directory.chmod(0o700)
    assert run(check=True)["changed"]
    assert run()["changed"]
    assert policies(directory) == before
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    assert not run()["changed"]


def test_after_a_kill_the_next_run_takes_the_same_steps(
    run: Run, directory: Path, history: Path
) -> None:
    run()
    before = history.read_text()
    run(policy={})
    withdrawn = json.loads(history.read_text())
    history.write_text(before)  # as if it had been killed before it wrote the history
    assert run(policy={})["changed"]
    assert "mode: none\n" in policies(directory)["example.org.txt"]
    again = json.loads(history.read_text())
    assert again["example.org"]["applied_until"] >= withdrawn["example.org"]["applied_until"]


def test_a_removed_domain_is_warned_about_while_senders_enforce_its_policy(run: Run) -> None:
    run()
    result = run(domains={"shop.example.org": {"mta_sts": {"mode": "testing"}}})
    told = str(result["warnings"])
    assert "example.org is no longer one of the domains" in told and "14 days" in told
    assert "shop.example.org is no longer" not in str(run(domains={"other.example": {}}))


def test_a_history_that_cannot_be_read_is_left_alone(run: Run, history: Path) -> None:
    history.parent.mkdir(parents=True)
    history.write_text("{")
    result = run()
    assert result["failed"]
    assert f"{history} is not a history of MTA-STS policies" in result["msg"]
    assert "restore it from a backup" in result["msg"]
    assert history.read_text() == "{"


def test_a_domain_is_no_path(run: Run, directory: Path) -> None:
    result = run(domains={"../example.org": {}})
    assert result["failed"] and "../example.org" in result["msg"]
    assert not directory.parent.exists()
