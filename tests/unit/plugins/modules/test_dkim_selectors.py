# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's two calls; _dkim/test_life.py tests the life cycle of keys."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.filter.dkim_signing import dkim_signing
from ansible_collections.pillarbox.mail.plugins.modules import dkim_key, dkim_selectors

Run = Callable[..., dict[str, Any]]
FIRST: dict[str, Any] = {
    "domains": {"example.org": {}, "example.net": {"parked": True}},
    "selectors": {"r1": {"type": "rsa"}, "e1": {"type": "ed25519"}},
}
SERVED = ["r1._domainkey.example.org", "e1._domainkey.example.org"]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dkim.json"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def run(ledger: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        args = {"path": str(ledger), "key_directory": str(keys), **options}
        with (
            patch_module_args({**args, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            dkim_selectors.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def states(result: dict[str, Any]) -> dict[str, str]:
    return {key["selector"]: key["state"] for key in result["selectors"]}


def test_two_calls_bring_the_first_keys_to_signing(ledger: Path, run: Run) -> None:
    first = run(**FIRST)
    assert first["changed"]
    assert (first["waiting"], first["settled"]) == (SERVED, False)
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o644
    assert dkim_signing(first["selectors"], SERVED[:1]) == []
    assert [key["selector"] for key in dkim_signing(first["selectors"], SERVED)] == ["r1", "e1"]

    second = run(prepared=first["selectors"], served=SERVED)
    assert second["changed"]
    assert states(second) == {"r1": "active", "e1": "active"}
    assert second["waiting"] == second["withdrawn"] == []
    before = ledger.read_text()

    again = run(**FIRST)
    assert (again["changed"], again["settled"]) == (False, True)
    assert not run(prepared=again["selectors"], served=[])["changed"]
    assert ledger.read_text() == before


def test_a_check_predicts_both_calls_and_writes_nothing(ledger: Path, keys: Path, run: Run) -> None:
    first = run(check=True, **FIRST)
    second = run(check=True, prepared=first["selectors"], served=SERVED)
    assert first["changed"] and second["changed"]
    assert '"state": "active"' in second["diff"][0]["after"]
    assert [key["dns_value"] for key in first["dkim_keys"]] == [None, None]
    assert not ledger.parent.exists() and not keys.exists()


def test_the_first_call_generates_the_keys_that_are_missing(keys: Path, run: Run) -> None:
    first = run(**FIRST, key_group="daemon")
    assert [key["path"] for key in first["dkim_keys"]] == [
        f"{keys}/example.org.r1.key",
        f"{keys}/example.org.e1.key",
    ]
    assert [record["name"] for record in first["records"]] == SERVED
    for key in keys.iterdir():
        assert (stat.S_IMODE(key.stat().st_mode), key.group()) == (0o640, "daemon")
        assert key.read_text() not in json.dumps(first)

    (keys / "example.org.e1.key").unlink()
    again = run(**FIRST, key_group="daemon")
    assert again["changed"]
    same = [record["name"] for record in again["records"] if record in first["records"]]
    assert same == SERVED[:1]
    assert f"{keys}/example.org.e1.key: ed25519" in str(again["diff"])


def test_a_key_of_another_type_is_refused_and_kept(keys: Path, run: Run) -> None:
    keys.mkdir()
    (keys / "example.org.r1.key").write_text("A" * 43 + "=")
    refused = run(**FIRST)
    assert "example.org.r1.key is a key of type ed25519 with 256 bits" in refused["msg"]
    assert (keys / "example.org.r1.key").read_text() == "A" * 43 + "="


def test_the_module_dkim_key_removes_the_keys_that_are_gone(
    ledger: Path, keys: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run(prepared=run(**FIRST)["selectors"], served=SERVED)
    ledger.write_text(ledger.read_text().replace('"active"', '"revoked"').replace("202", "201"))
    gone = run(**FIRST)["gone"]
    assert len(gone) == len(list(keys.iterdir())) == 2
    with patch_module_args({"keys": gone, "state": "absent"}), pytest.raises(SystemExit):
        dkim_key.main()
    assert json.loads(capsys.readouterr().out)["changed"]
    assert list(keys.iterdir()) == []


def test_a_rotation_that_is_interrupted_is_continued_by_the_next_run(
    keys: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(prepared=run(**FIRST)["selectors"], served=SERVED)

    def killed(*_arguments: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(json.JSONDecodeError):
        patch.setattr(dkim_selectors, "ensure_keys", killed)
        run(**FIRST, rotate=["example.org"])
    assert not (keys / "example.org.r2.key").exists()

    again = run(**FIRST)
    assert states(again) == {"r1": "active", "e1": "active", "r2": "future", "e2": "future"}
    assert (keys / "example.org.r2.key").exists()


def test_a_check_does_not_predict_twice_what_the_first_call_does(run: Run, ledger: Path) -> None:
    done = run(**FIRST)
    run(prepared=done["selectors"], served=SERVED)
    old = ledger.read_text().replace('"active"', '"retired"').replace("202", "201")
    ledger.write_text(old)
    first = run(check=True, **FIRST)
    assert states(first) == {"r1": "revoked", "e1": "revoked"}
    second = run(check=True, prepared=first["selectors"], served=[])
    assert (first["changed"], second["changed"], second["withdrawn"]) == (True, False, [])


def test_a_key_that_waits_for_its_record_is_a_warning(run: Run) -> None:
    first = run(**FIRST)
    second = run(prepared=first["selectors"], served=SERVED[:1])
    assert not second["changed"]
    assert "example.org: not signing with e1, r1 yet" in str(second["warnings"])


def test_stolen_keys_are_withdrawn_by_the_second_call(run: Run) -> None:
    run(prepared=run(**FIRST)["selectors"], served=SERVED)
    first = run(**FIRST, rotate=["example.org", "example.net"], compromised=True)
    assert states(first)["r1"] == "active"
    second = run(prepared=first["selectors"], served=first["waiting"])
    assert sorted(second["withdrawn"]) == sorted(SERVED)
    assert "example.org: r1 (rsa) is revoked since" in str(second["outlook"])


def test_a_domain_that_is_parked_keeps_its_keys_and_lists_none(run: Run) -> None:
    run(prepared=run(**FIRST)["selectors"], served=SERVED)
    parked = run(domains={"example.org": {"parked": True}}, selectors=FIRST["selectors"])
    assert not parked["changed"]
    assert (parked["dkim_keys"], parked["records"], parked["gone"]) == ([], [], [])
    assert states(parked) == {"r1": "active", "e1": "active"}


def test_a_pin_that_takes_effect_when_keys_switch_is_left_to_the_second_call(run: Run) -> None:
    run(prepared=run(**FIRST)["selectors"], served=SERVED)
    pinned = {"r1": {"type": "rsa"}, "e1": {"type": "ed25519", "state": "retired"}}
    first = run(domains=FIRST["domains"], selectors=pinned)
    assert (first["changed"], first["settled"]) == (False, False)
    assert states(run(prepared=first["selectors"], served=[]))["e1"] == "retired"


def test_a_damaged_ledger_is_left_alone(ledger: Path, run: Run) -> None:
    ledger.parent.mkdir()
    ledger.write_text("{")
    refused = run(**FIRST)
    assert "dkim.json is not a ledger of DKIM keys" in refused["msg"]
    assert "restore it from a backup" in refused["msg"]
    assert ledger.read_text() == "{"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compromised": True}, "compromised needs rotate"),
        ({"rotate": ["example.com"]}, "the keys of example.com cannot be rotated"),
        ({"selectors": {"r1": {}}}, "selector r1 of example.org is {}: it needs a type"),
        ({"prepared": [], "served": []}, "mutually exclusive"),
    ],
)
def test_impossible_changes_are_refused(run: Run, options: dict[str, Any], message: str) -> None:
    refused = run(**{**FIRST, **options})
    assert refused["failed"] and message in refused["msg"]


def test_a_domain_that_left_the_settings_is_forgotten_once_its_keys_are_deleted(
    ledger: Path, run: Run, tmp_path: Path
) -> None:
    own = {**FIRST, "key_directory": str(tmp_path)}
    two = {**own, "domains": {"example.org": {}, "shop.example.org": {}}}
    first = run(**two)
    files = [Path(key["path"]) for key in first["dkim_keys"]]

    kept = run(**own)
    assert not kept["changed"]
    assert {key["domain"] for key in kept["selectors"]} == {"example.org", "shop.example.org"}

    for file in files:
        file.unlink()
    assert run(check=True, **own)["changed"]
    assert {key["domain"] for key in run(**own)["selectors"]} == {"example.org"}
    assert not run(**own)["changed"]
