# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import acme_account

SERVER = "https://ca.example/directory"
URI = "https://ca.example/acct/7"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        directories = {"home": str(tmp_path / "home"), "backup": str(tmp_path / "backup/acme.sh")}
        args = {"server": SERVER, **directories, **options}
        with (
            patch_module_args({**args, "_ansible_check_mode": check}),
            pytest.raises(SystemExit),
        ):
            acme_account.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


@pytest.fixture
def acme_sh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Install an acme.sh on the PATH that writes its arguments to the returned file."""

    def install(script: str) -> Path:
        program = tmp_path / "bin" / "acme.sh"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path / "arguments"

    return install


def registering(home: Path) -> str:
    """Return a script that does what acme.sh does when the server registers an account."""
    directory = home / "ca/ca.example/directory"
    return (
        f"mkdir -p {directory}; cd {directory}\n"
        f"echo \"ACCOUNT_URL='{URI}'\" >ca.conf; echo secret >account.key"
    )


def tree(directory: Path) -> dict[str, tuple[str, str]]:
    """Return mode and content of a directory and everything below it."""
    return {
        str(path.relative_to(directory)): (
            f"{path.stat().st_mode & 0o7777:o}",
            path.read_text() if path.is_file() else "/",
        )
        for path in [directory, *directory.rglob("*")]
    }


ACCOUNT = {
    ".": ("700", "/"),
    "ca": ("700", "/"),
    "ca/ca.example": ("700", "/"),
    "ca/ca.example/directory": ("700", "/"),
    "ca/ca.example/directory/ca.conf": ("600", f"ACCOUNT_URL='{URI}'\n"),
    "ca/ca.example/directory/account.key": ("600", "secret\n"),
}


@pytest.mark.parametrize("check", [True, False])
def test_a_recorded_account_is_not_registered_again(
    check: bool, tmp_path: Path, run: Run, acme_sh: Callable[[str], Path]
) -> None:
    arguments = acme_sh("exit 1")
    record = tmp_path / "home/ca/ca.example/directory/ca.conf"
    record.parent.mkdir(parents=True)
    record.write_text(f"CA_EMAIL='a@example.org'\nACCOUNT_URL='{URI}'\n")
    shutil.copytree(tmp_path / "home", tmp_path / "backup/acme.sh")
    result = run(check)
    assert not result["changed"]
    assert result["uri"] == URI
    assert result["diff"]["before"] == result["diff"]["after"] == f"{URI}\n"
    assert not arguments.exists()


def test_check_mode_predicts_an_account_and_registers_none(
    run: Run, acme_sh: Callable[[str], Path]
) -> None:
    arguments = acme_sh("exit 1")
    result = run(check=True)
    assert result["changed"]
    assert result["uri"] is None
    assert result["diff"] == {"before": "no account\n", "after": f"an account at {SERVER}\n"}
    assert not arguments.exists()


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, ""),
        ({"email": "root@example.org"}, " --accountemail root@example.org"),
        ({"ca_bundle": "/etc/ssl/ca.pem"}, " --ca-bundle /etc/ssl/ca.pem"),
    ],
)
def test_registers_an_account_that_only_root_can_read(
    options: dict[str, str],
    more: str,
    tmp_path: Path,
    run: Run,
    acme_sh: Callable[[str], Path],
) -> None:
    home = tmp_path / "home"
    arguments = acme_sh(registering(home))
    result = run(**options)
    assert result["changed"]
    assert result["uri"] == URI
    assert arguments.read_text() == (
        f"--config-home {home} --register-account --server {SERVER}{more}\n"
    )
    assert tree(home) == ACCOUNT
    assert not run(**options)["changed"]


def test_a_host_that_lost_its_account_gets_it_back_from_the_copy(
    tmp_path: Path, run: Run, acme_sh: Callable[[str], Path]
) -> None:
    home, backup = tmp_path / "home", tmp_path / "backup/acme.sh"
    arguments = acme_sh(registering(home))
    run()
    assert tree(backup) == ACCOUNT
    arguments.unlink()
    shutil.rmtree(home)
    predicted = run(check=True)
    assert not home.exists()
    result = run()
    assert predicted == result
    assert (result["changed"], result["uri"]) == (True, URI)
    assert tree(home) == ACCOUNT
    assert not arguments.exists(), "another account would be against the CAA record"
    assert not run()["changed"]


def test_an_account_without_a_copy_gets_one(
    tmp_path: Path, run: Run, acme_sh: Callable[[str], Path]
) -> None:
    backup = tmp_path / "backup/acme.sh"
    arguments = acme_sh(registering(tmp_path / "home"))
    run()
    arguments.unlink()
    shutil.rmtree(backup)
    assert run(check=True)["changed"]
    assert not backup.exists()
    result = run()
    assert (result["changed"], result["uri"]) == (True, URI)
    assert tree(backup) == ACCOUNT
    assert not arguments.exists()
    assert not run()["changed"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            'echo "[Fri Nov 20 06:00:00 UTC 2026] Account registration is disabled" >&2; exit 1',
            f"{SERVER} registered no account: Account registration is disabled. Check acme_sh_serv",
        ),
        ("exit 1", f"{SERVER} registered no account: it printed nothing. Check acme_sh_server"),
        ("exit 0", f"acme.sh created no account for {SERVER} in "),
    ],
)
def test_a_failure_names_the_server_and_the_reason(
    script: str, reason: str, run: Run, acme_sh: Callable[[str], Path]
) -> None:
    acme_sh(script)
    result = run()
    assert result["failed"]
    assert result["msg"].startswith(reason)


def test_refuses_a_server_that_is_no_https_url(run: Run) -> None:
    assert "'ca.example' is not the https URL" in run(server="ca.example")["msg"]
