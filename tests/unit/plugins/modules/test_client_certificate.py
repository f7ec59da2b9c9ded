# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.modules import client_certificate

ALICE = "alice@example.org"
PASSPHRASE = "correct horse battery"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        args = {"path": str(tmp_path / "ca"), "hostname": "mx.example.org", **options}
        if check:
            args["_ansible_check_mode"] = True
        with patch_module_args(args), pytest.raises(SystemExit):
            client_certificate.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def openssl(*arguments: str) -> str:
    return subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, text=True
    ).stdout


def issue(run: Run, tmp_path: Path, **options: Any) -> dict[str, Any]:
    p12 = str(tmp_path / "alice.p12")
    return run(**{"account": ALICE, "export": p12, "passphrase": PASSPHRASE, **options})


def test_makes_a_ca_once_and_predicts_it(tmp_path: Path, run: Run) -> None:
    assert [run(check)["changed"] for check in (True, False, True, False)] == [
        True,
        True,
        False,
        False,
    ]
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "ca").iterdir()}
    assert modes == {"ca.key": 0o600, "ca.pem": 0o644, "certificates.json": 0o644}
    text = openssl("x509", "-in", str(tmp_path / "ca/ca.pem"), "-noout", "-text")
    assert "CN = Client certificates of mx.example.org" in text.replace("CN=", "CN = ")
    assert "CA:TRUE, pathlen:0" in text


def test_issues_what_openssl_takes_for_a_certificate_of_the_ca(tmp_path: Path, run: Run) -> None:
    assert issue(run, tmp_path, _ansible_check_mode=True)["issued"]
    assert not (tmp_path / "ca").exists()

    result = issue(run, tmp_path)

    assert (result["changed"], result["issued"]) == (True, True)
    p12, pem = str(tmp_path / "alice.p12"), str(tmp_path / "alice.pem")
    assert (tmp_path / "alice.p12").stat().st_mode & 0o777 == 0o600
    openssl("pkcs12", "-in", p12, "-passin", f"pass:{PASSPHRASE}", "-nodes", "-out", pem)
    openssl("verify", "-purpose", "sslclient", "-CAfile", str(tmp_path / "ca/ca.pem"), pem)
    facts = openssl("x509", "-in", pem, "-noout", "-subject", "-fingerprint", "-sha256", "-email")
    assert result["fingerprints"][0] in facts
    assert facts.splitlines()[-1] == ALICE
    # Only the user's file contains the key.
    assert all("PRIVATE" not in file.read_text() for file in (tmp_path / "ca").glob("*.[jp]*"))


def test_an_account_has_one_certificate_until_it_is_revoked(tmp_path: Path, run: Run) -> None:
    first = issue(run, tmp_path)["fingerprints"]
    again = issue(run, tmp_path)
    assert (again["changed"], again["fingerprints"]) == (False, first)

    predicted = run(True, account=ALICE, state="absent")
    revoked = run(account=ALICE, state="absent")
    assert predicted["changed"] and revoked["changed"]
    assert revoked["diff"] == {"before": f"{ALICE}: {first[0]}\n", "after": ""}
    assert not run(account=ALICE, state="absent")["changed"]

    assert issue(run, tmp_path)["fingerprints"] != first
    assert json.loads((tmp_path / "ca/certificates.json").read_text())[first[0]]["revoked"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "absent"}, "account is missing: name the account whose certificates to revoke"),
        ({"account": ALICE}, "export and passphrase are missing: alice@example.org has no"),
        (
            {"account": ALICE, "passphrase": "hunter2"},
            "passphrase is too short: use at least 12",
        ),
        ({"account": ALICE, "days": 0}, "days must be from 1 to 3650"),
    ],
)
def test_says_what_is_missing(run: Run, options: dict[str, Any], message: str) -> None:
    result = run(**options)
    assert result["failed"] and result["msg"].startswith(message), result


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("ca.key", None, "restore the key"),
        ("ca.key", "nonsense", "is not a private key in PEM"),
        ("ca.pem", "nonsense", "ca.pem is not a certificate in PEM"),
        ("certificates.json", "{", "certificates.json is damaged: restore it from a backup"),
        ("certificates.json", "[]", "certificates.json is not a list of certificates"),
    ],
)
def test_makes_no_new_ca_in_the_place_of_a_damaged_one(
    tmp_path: Path, run: Run, file: str, content: str | None, message: str
) -> None:
    run()
    (tmp_path / "ca" / file).unlink()
    if content is not None:
        (tmp_path / "ca" / file).write_text(content)
    result = issue(run, tmp_path)
    assert result["failed"] and message in result["msg"], result
