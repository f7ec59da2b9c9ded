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
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts import passwd
from ansible_collections.pillarbox.mail.plugins.modules import passwd_file

Run = Callable[..., dict[str, Any]]
HASH = "{SHA512-CRYPT}$6$salt$stored"
USERS = {
    "Alice@Example.org": {"password": "hunter2"},
    "bob@müller.example": {"password": "hunter3"},
    "carol@example.org": {"password_hash": HASH},
}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def run(users: object, check: bool = False, **options: Any) -> dict[str, Any]:
        text = users if isinstance(users, str) else json.dumps(users)
        args = {"path": str(tmp_path / "users"), "users": text, "group": "daemon", **options}
        with (
            patch_module_args({**args, "_ansible_check_mode": check, "_ansible_diff": True}),
            pytest.raises(SystemExit),
        ):
            passwd_file.main()
        out = capsys.readouterr().out
        assert "hunter" not in out
        assert "$argon2id$" not in out and "{SCRAM-SHA-256}" not in out
        result: dict[str, Any] = json.loads(out)
        return result

    return run


def test_writes_the_accounts_once(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "users"
    predicted = run(USERS, check=True)
    assert predicted["changed"]
    assert os.listdir(tmp_path) == []

    done = run(USERS)
    assert done["changed"]
    everybody = ["alice@example.org", "bob@xn--mller-kva.example", "carol@example.org"]
    assert done["added"] == predicted["added"] == everybody
    seal, *lines = file.read_text().splitlines()
    assert seal.startswith("# seal::$argon2id$")
    assert [line.partition(":")[0] for line in lines] == everybody
    assert lines[0].startswith("alice@example.org:{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$")
    assert lines[0].endswith("::::::")
    assert lines[2] == f"carol@example.org:{HASH}::::::"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.group() == "daemon"
    assert os.listdir(tmp_path) == ["users"]

    before = file.stat()
    for check in (True, False):
        assert not run(USERS, check=check)["changed"]
    assert file.stat() == before


def test_a_device_has_a_login_and_an_account_without_password_is_locked(
    tmp_path: Path, run: Run
) -> None:
    users = {
        "alice@example.org": {"password": "hunter2"},
        "Alice+Phone@example.org": {"password": "hunter3"},
        "log@example.org": {},
    }
    assert run(users)["added"] == sorted(name.lower() for name in users)
    lines = (tmp_path / "users").read_text().splitlines()
    assert lines[1].startswith("alice+phone@example.org:{ARGON2ID}$argon2id$")
    assert lines[1].endswith("::::::user=alice@example.org")
    assert lines[3] == "log@example.org:{CRYPT}!::::::"
    assert not run(users)["changed"]


def test_says_who_changed_and_no_more(tmp_path: Path, run: Run) -> None:
    run(USERS)
    before = (tmp_path / "users").read_text().splitlines()
    users = {
        "alice@example.org": {"password": "hunter2"},
        "bob@müller.example": {"password": "hunter9"},
        "dave@example.org": {"password_hash": HASH},
    }
    expected = {
        "added": ["dave@example.org"],
        "removed": ["carol@example.org"],
        "updated": ["bob@xn--mller-kva.example"],
    }
    for check in (True, False):
        result = run(users, check=check)
        assert {key: result[key] for key in expected} == expected
        assert result["diff"][0]["prepared"].splitlines()[1:] == [
            "+ dave@example.org",
            "- carol@example.org",
            "bob@xn--mller-kva.example: password changed",
        ]
    after = (tmp_path / "users").read_text().splitlines()
    assert set(before) & set(after) == {before[1]}  # alice


def test_verifiers_for_scram_come_change_and_go_with_the_passwords(
    tmp_path: Path, run: Run
) -> None:
    users, scram = tmp_path / "users", tmp_path / "scram"
    run(USERS)
    hashes = users.read_text().splitlines()[1:]
    options = {"scram_path": str(scram), "scram": True}

    predicted = run(USERS, check=True, **options)
    done = run(USERS, **options)
    assert predicted["changed"] and done["changed"]
    assert done["updated"] == []
    verified = ["+ alice@example.org", "+ bob@xn--mller-kva.example"]
    for result in (predicted, done):
        assert result["diff"][1]["prepared"].splitlines() == [f"{scram}:", *verified]
    assert users.read_text().splitlines()[1:] == hashes
    lines = scram.read_text().splitlines()
    assert lines[0].startswith("alice@example.org:{SCRAM-SHA-256}65536,")
    assert len(lines) == 2  # none for Carol's hash
    assert (stat.S_IMODE(scram.stat().st_mode), scram.group()) == (0o640, "daemon")
    assert not run(USERS, **options)["changed"]

    changed = {**USERS, "bob@müller.example": {"password": "hunter9"}}
    assert run(changed, **options)["updated"] == ["bob@xn--mller-kva.example"]
    assert scram.read_text().splitlines()[0] == lines[0]
    assert scram.read_text().splitlines()[1] != lines[1]

    options["scram"] = False
    hashes = users.read_text().splitlines()[1:]
    assert run(changed, check=True, **options)["changed"] and scram.exists()
    assert run(changed, **options)["changed"] and not scram.exists()
    assert users.read_text().splitlines()[1:] == hashes
    assert not run(changed, **options)["changed"]


def test_scram_needs_a_file(run: Run) -> None:
    assert "scram requires scram_path" in run(USERS, scram=True)["msg"]


def test_a_verifier_changed_by_hand_is_put_right(tmp_path: Path, run: Run) -> None:
    scram = tmp_path / "scram"
    options = {"scram_path": str(scram), "scram": True}
    run(USERS, **options)
    alice, bob = scram.read_text().splitlines()
    wrong = f"alice@example.org:{bob.partition(':')[2]}"
    scram.write_text(f"{wrong}\n{bob}\nmallory@example.org:{HASH}::::::\n")
    assert run(USERS, **options)["diff"][1]["prepared"].splitlines()[1:] == [
        "- mallory@example.org",
        "alice@example.org: password changed",
    ]
    lines = scram.read_text().splitlines()
    assert lines[0] not in (alice, wrong)
    assert lines[1:] == [bob]


def test_removes_what_it_did_not_write(tmp_path: Path, run: Run) -> None:
    run({"carol@example.org": {"password_hash": HASH}})
    with (tmp_path / "users").open("a") as file:
        file.write("# by hand\nmallory@example.org:{PLAIN}x::::::\n")
    result = run({"carol@example.org": {"password_hash": HASH}})
    assert result["removed"] == ["mallory@example.org"]
    assert (tmp_path / "users").read_text() == f"carol@example.org:{HASH}::::::\n"


def test_a_server_without_accounts_has_an_empty_file(tmp_path: Path, run: Run) -> None:
    assert run({}, check=True)["changed"]
    assert run({})["changed"]
    assert (tmp_path / "users").read_text() == ""
    assert not run({})["changed"]


def test_puts_the_mode_right(tmp_path: Path, run: Run) -> None:
    users = {"carol@example.org": {"password_hash": HASH}}
    run(users)
    (tmp_path / "users").chmod(0o644)
    assert run(users, check=True)["changed"]
    assert run(users)["changed"]
    assert stat.S_IMODE((tmp_path / "users").stat().st_mode) == 0o640
    assert not run(users)["changed"]


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ({"alice": {"password": "hunter2"}}, "'alice' is not an address"),
        (
            {"alice@example.org": {"pasword": "hunter2"}},
            "alice@example.org needs one of password and password_hash",
        ),
        ({"alice+a b@example.org": {"password": "hunter2"}}, "'a b' is not the name of a device"),
        (
            {"alice@example.org": {"password": "hunter2", "password_hash": HASH}},
            "alice@example.org needs one of password and password_hash, nothing else",
        ),
        ({"alice@example.org": {"password": ""}}, "password of alice@example.org is empty"),
        (
            {"alice@example.org": {"password_hash": "{PLAIN}hunter2"}},
            "password_hash of alice@example.org has the scheme PLAIN, which is weak",
        ),
        (
            {"a@example.org": {"password": "hunter2"}, "A@example.org": {"password": "hunter3"}},
            "a@example.org occurs twice",
        ),
    ],
)
def test_says_what_is_wrong_and_changes_nothing(
    users: dict[str, Any], reason: str, tmp_path: Path, run: Run
) -> None:
    result = run(users)
    assert result["failed"]
    assert reason in result["msg"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("users", ["hunter2: {}", ["hunter2"], "hunter2"])
def test_refuses_what_is_no_json_object_without_showing_it(users: object, run: Run) -> None:
    assert "users: is not a JSON object" in run(users)["msg"]


def test_an_account_is_named_though_its_name_is_a_password(run: Run) -> None:
    assert run({"alice@example.org": {"password": "alice"}})["added"] == ["alice@example.org"]


def test_the_library_is_needed_only_to_hash_and_to_verify(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwd, "HAS_ARGON2", False)
    assert run(USERS, check=True, path=str(tmp_path / "dovecot" / "users"))["changed"]
    assert run({"carol@example.org": {"password_hash": HASH}})["changed"]
    assert "install python3-argon2" in run(USERS)["msg"]
