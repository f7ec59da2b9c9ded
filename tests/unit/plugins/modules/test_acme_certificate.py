# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._tls import certificates
from ansible_collections.pillarbox.mail.plugins.modules import acme_certificate

# A renewal program that reports the RSA certificate as due and then issued.
DUE = """
import json, sys
issued = ["rsa"]
if sys.argv[1:] != ["certificates", "renew", "mail"]:
    assert sys.argv[1:] == ["certificates", "--config", "-", "renew", "--check", "mail"]
    assert json.load(sys.stdin)["algorithms"] == ["rsa"]
    issued = []
due = {"rsa": "the certificate in service expires in 29 days"}
print(json.dumps({"due": due, "issued": issued, "waiting": {}, "warnings": []}))
"""
NOT_DUE = """
print('{"due": {}, "issued": [], "waiting": {}, "warnings": []}')
"""
WAITING = """
print('{"due": {}, "issued": [], "waiting": {"rsa": "in an hour"}, "warnings": []}')
"""
LAST_CALL = """
print('{"due": {"rsa": "old"}, "issued": ["rsa"], "waiting": {}, "warnings": ["no DNS"]}')
"""
FAILING = """
import sys
print("the rsa certificate from ca.example is for another key; it is not used", file=sys.stderr)
sys.exit(1)
"""

CONFIG = {
    "names": ["mx.example.org"],
    "algorithms": ["rsa"],
    "renew_days": 30,
    "source": "acme",
    "issuer": "https://ca.example/directory",
    "chains": {},
}


# A renewal program that reports that one of two sites is due, and one name stays without.
SITES = {
    "example.org": ["mta-sts.example.org", "autoconfig.example.org"],
    "example.net": ["mta-sts.example.net"],
}
WEB_DUE = """
import json, sys
issued = ["example.org"]
if sys.argv[1:] != ["certificates", "renew", "--orders", "20"]:
    assert sys.argv[1:] == ["certificates", "--config", "-", "renew", "--check", "--orders", "20"]
    assert "example.net" in json.load(sys.stdin)["web"]["sites"]
    issued = []
due = {"example.org": "the certificate in service is self-signed"}
unserved = {"example.net": ["mta-sts.example.net"], "example.org": ["autoconfig.example.org"]}
print(json.dumps({"due": due, "issued": issued, "warnings": ["no DNS"], "unserved": unserved}))
"""


def run(
    capsys: pytest.CaptureFixture[str],
    directory: Path,
    text: str | None,
    check: bool = False,
    web: dict[str, Any] | None = None,
    **config: Any,
) -> dict[str, Any]:
    """Run the module with this renewal program, if any."""
    program = directory / "certificates"
    if text is not None:
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)
    args = {
        "program": str(program),
        "config": {**CONFIG, "tls_dir": str(directory), **config},
        "web": web or {},
        "_ansible_check_mode": check,
    }
    with patch_module_args(args), pytest.raises(SystemExit):
        acme_certificate.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


@pytest.mark.parametrize(("check", "issued"), [(True, []), (False, ["rsa"])])
def test_reports_what_is_due_and_what_was_issued(
    check: bool, issued: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, DUE, check)
    assert result["changed"]
    assert result["due"] == {"rsa": "the certificate in service expires in 29 days"}
    assert result["issued"] == issued
    assert result["diff"]["after"] == "rsa: the certificate in service expires in 29 days\n"


@pytest.mark.parametrize("check", [True, False])
def test_changes_nothing_when_nothing_is_due(
    check: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, NOT_DUE, check)
    assert not result["changed"]
    assert (result["due"], result["issued"]) == ({}, [])


@pytest.mark.parametrize("check", [True, False])
def test_a_key_that_waits_is_a_warning_and_no_change(
    check: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, WAITING, check)
    assert not result["changed"]
    assert result["waiting"] == {"rsa": "in an hour"}
    assert "in an hour" in str(result["warnings"])


def test_warnings_of_the_program_are_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, LAST_CALL)
    assert result["changed"]
    assert "no DNS" in str(result["warnings"])


def test_check_mode_predicts_certificates_before_the_program_is_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, None, check=True)
    assert result["changed"]
    assert (result["due"], result["issued"]) == ({"rsa": "there is no certificate yet"}, [])


def make_pair(directory: Path, days: int = 90, algorithm: str = "rsa") -> None:
    """Create the key in use and its certificate, as restored from a backup."""
    kind = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}
    key, chain = directory / f"{algorithm}-current.key", directory / "chain"
    subprocess.run(
        ["openssl", "req", "-x509", "-noenc", "-newkey", *kind[algorithm], "-days", str(days),
         "-subj", "/CN=mx", "-addext", "subjectAltName=DNS:mx.example.org",
         "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / f"{algorithm}.pem").write_bytes(key.read_bytes() + chain.read_bytes())


@pytest.mark.parametrize("text", [None, "import cryptography_that_is_not_there"])
def test_a_check_of_a_restored_host_finds_its_certificates(
    text: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificates, "LIBRARIES", ("no_such_library",))

    def check(**config: Any) -> dict[str, Any]:
        result = run(capsys, tmp_path, text, check=True, **config)
        assert result["changed"] is bool(result["due"])
        return {name: result[name] for name in ("due", "waiting") if result[name]}

    def because(reason: str) -> dict[str, Any]:
        return {"due": {"rsa": f"the certificate in service {reason}"}}

    make_pair(tmp_path)
    assert check() == {}
    chain = hashlib.sha256((tmp_path / "chain").read_bytes()).hexdigest()
    assert check(source="files", chains={"rsa": chain}) == {}
    assert check(source="files", chains={"rsa": "0"}) == {
        "due": {"rsa": "another chain was provided"}
    }
    assert check(names=["mx.example.org", "b.example"]) == because("is not for b.example")
    assert check(algorithms=["ecdsa", "rsa"]) == {
        "waiting": {"ecdsa": "there is no certificate yet"}
    }
    (tmp_path / "ring.json").write_text('{"issued": {"rsa": "files"}}')
    assert check() == because("is from files, not from https://ca.example/directory")
    (tmp_path / "ring.json").unlink()
    make_pair(tmp_path, days=29)
    assert check() == {}
    (tmp_path / "rsa.pem").write_text("junk")
    assert "cannot be read" in check()["due"]["rsa"]
    make_pair(tmp_path)
    (tmp_path / "rsa-current.key").write_bytes((tmp_path / "rsa.pem").read_bytes())
    make_pair(tmp_path, algorithm="ecdsa")
    (tmp_path / "ecdsa-current.key").rename(tmp_path / "rsa-current.key")
    assert check() == because("is for another key")


@pytest.mark.parametrize(("check", "issued"), [(True, []), (False, ["example.org"])])
def test_reports_which_web_names_are_served(
    check: bool, issued: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = {"dir": str(tmp_path), "webroot": "/", "sites": SITES}
    result = run(capsys, tmp_path, WEB_DUE, check, web)
    assert result["changed"] and "no DNS" in str(result["warnings"])
    assert result["served"] == {"example.org": ["mta-sts.example.org"], "example.net": []}
    assert (result["issued"], result["waiting"]) == (issued, {})
    assert result["diff"]["after"] == "example.org: the certificate in service is self-signed\n"


@pytest.mark.parametrize(("status", "failed"), [(4, False), (1, True)])
def test_a_site_that_fails_is_a_warning_and_a_run_that_fails_is_an_error(
    status: int, failed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = {"dir": str(tmp_path), "webroot": "/", "sites": SITES}
    report = {"due": {}, "issued": [], "warnings": ["not today"], "unserved": {}}
    text = f"import sys\nprint({json.dumps(report)!r})\nprint('it failed', file=sys.stderr)\n"
    result = run(capsys, tmp_path, f"{text}sys.exit({status})", False, web)
    assert result.get("failed", False) is failed
    assert ("it failed" in result["msg"]) if failed else ("not today" in str(result["warnings"]))


def test_if_the_web_names_fail_altogether_that_is_a_warning_and_none_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = {"dir": str(tmp_path), "webroot": "/", "sites": SITES}
    text = f"import sys\n{NOT_DUE}print('no resolver', file=sys.stderr)\nsys.exit(4)\n"
    result = run(capsys, tmp_path, text, False, web)
    assert "no resolver" in str(result["warnings"])
    assert result["served"] == dict.fromkeys(SITES, [])


def test_check_mode_predicts_web_names_on_a_bare_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web = {"dir": str(tmp_path / "web"), "webroot": "/", "sites": SITES}
    result = run(capsys, tmp_path, None, True, web)
    assert result["due"] == dict.fromkeys(["rsa", *SITES], "there is no certificate yet")
    assert result["served"] == SITES
    assert "first.pem" in result["missing"]


def test_fails_with_the_programs_own_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, FAILING)
    assert result["failed"]
    assert result["msg"] == (
        "the rsa certificate from ca.example is for another key; it is not used"
    )


def test_a_program_that_fails_without_output_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(capsys, tmp_path, "raise SystemExit(3)")
    assert result["msg"] == f"{tmp_path}/certificates failed with status 3"
