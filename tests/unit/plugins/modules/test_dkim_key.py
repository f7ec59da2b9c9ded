# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import dns_value, load
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import private
from ansible_collections.pillarbox.mail.plugins.modules import dkim_key

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        args = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(args), pytest.raises(SystemExit):
            dkim_key.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def wanted(directory: Path) -> list[dict[str, Any]]:
    return [
        {"path": f"{directory}/r1.key", "domain": "Müller.example", "selector": "r1"},
        {"path": f"{directory}/e1.key", "domain": "a.example", "selector": "E1", "type": "ed25519"},
    ]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_makes_missing_keys_once(tmp_path: Path, run: Run) -> None:
    directory = tmp_path / "dkim"
    options = {"keys": wanted(directory), "owner": "root", "group": "daemon"}

    predicted = run(check=True, **options)
    assert predicted["changed"]
    assert [key["dns_value"] for key in predicted["dkim_keys"]] == [None, None]
    assert os.listdir(tmp_path) == []

    made = run(**options)
    assert made["changed"]
    assert [key["dns_name"] for key in made["dkim_keys"]] == [
        "r1._domainkey.xn--mller-kva.example",
        "e1._domainkey.a.example",
    ]
    for key in made["dkim_keys"]:
        assert key["dns_value"] == dns_value(load(Path(key["path"]).read_bytes()))
        assert mode(Path(key["path"])) == 0o640
        assert Path(key["path"]).group() == "daemon"
    assert (mode(directory), directory.group()) == (0o750, "daemon")
    assert sorted(os.listdir(directory)) == ["e1.key", "r1.key"]

    for check in (True, False):
        again = run(check=check, **options)
        assert not again["changed"]
        assert again["dkim_keys"] == made["dkim_keys"]


def test_shows_neither_key_nor_seed(tmp_path: Path, run: Run) -> None:
    result = run(keys=wanted(tmp_path))
    after = result["diff"][0]["after"].splitlines()
    assert after[1].startswith(f"{tmp_path}/e1.key: ed25519 256 ")
    assert after[1].endswith(result["dkim_keys"][1]["fingerprint"])
    shown = json.dumps(result)
    assert (tmp_path / "e1.key").read_text().strip() not in shown
    assert (tmp_path / "r1.key").read_text().splitlines()[1] not in shown


def test_puts_owner_and_mode_right_and_nothing_else(tmp_path: Path, run: Run) -> None:
    run(keys=wanted(tmp_path))
    before = (tmp_path / "r1.key").read_bytes()
    (tmp_path / "r1.key").chmod(0o644)
    assert run(check=True, keys=wanted(tmp_path))["changed"]
    assert mode(tmp_path / "r1.key") == 0o644
    assert run(keys=wanted(tmp_path))["changed"]
    assert mode(tmp_path / "r1.key") == 0o640
    assert (tmp_path / "r1.key").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "content", "reason"),
    [
        ({"type": "ed25519"}, None, "is a key of type rsa with 2048 bits, not ed25519 with 256"),
        ({"size": 3072}, None, "is a key of type rsa with 2048 bits, not rsa with 3072"),
        ({}, "garbage!", "r1.key is neither PEM nor base64"),
    ],
)
def test_never_overwrites_a_key(
    change: dict[str, Any], content: str | None, reason: str, tmp_path: Path, run: Run
) -> None:
    key = wanted(tmp_path)[0]
    run(keys=[key])
    path = Path(key["path"])
    if content:
        path.write_text(content)
    before = path.read_bytes()
    result = run(keys=[{**key, **change}])
    assert result["failed"]
    assert reason in result["msg"]
    assert (
        "to rotate the key of xn--mller-kva.example, add one with a new selector" in result["msg"]
    )
    assert path.read_bytes() == before


def test_one_bad_key_stops_the_others_before_they_are_made(tmp_path: Path, run: Run) -> None:
    (tmp_path / "e1.key").write_text("garbage!")
    assert run(keys=wanted(tmp_path))["failed"]
    assert os.listdir(tmp_path) == ["e1.key"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"selector": "r2"}, "/r1.key is there twice"),
        ({"path": "/nowhere/r2.key"}, "r1._domainkey.xn--mller-kva.example is there twice"),
        ({"domain": "example"}, "example is not fully qualified"),
        ({"selector": "r_2"}, "'r_2' is not a DKIM selector"),
    ],
)
def test_refuses_wrong_names(change: dict[str, Any], reason: str, tmp_path: Path, run: Run) -> None:
    key = wanted(tmp_path)[0]
    result = run(keys=[key, {**key, **change}])
    assert result["failed"]
    assert reason in result["msg"]


def test_removes_keys_once(tmp_path: Path, run: Run) -> None:
    run(keys=wanted(tmp_path))
    for check, changed in ((True, True), (False, True), (False, False)):
        result = run(check=check, keys=wanted(tmp_path), state="absent")
        assert result["changed"] is changed
    assert os.listdir(tmp_path) == []


def test_a_bare_host_needs_no_library_in_check_mode(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    assert run(check=True, keys=wanted(tmp_path / "rspamd" / "dkim"))["changed"]
    result = run(keys=wanted(tmp_path))
    assert "install python3-cryptography" in result["msg"]


def test_a_check_of_a_restored_host_needs_no_library_and_no_group(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(keys=wanted(tmp_path))
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    predicted = run(check=True, keys=wanted(tmp_path))
    assert not predicted["changed"]
    assert predicted["records"] == made["records"]
    # A package creates the group, so no file can have it yet.
    predicted = run(check=True, keys=wanted(tmp_path), group="_no-such-group")
    assert predicted["changed"]
    assert predicted["diff"][1]["after"]["group"] == "_no-such-group"
