# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils import _keys
from ansible_collections.pillarbox.mail.plugins.modules import tls_key_ring

Run = Callable[..., dict[str, Any]]
FILES = ["ecdsa-current.csr", "ecdsa-current.key", "ecdsa-next.key"]
RSA_FILES = ["rsa-current.csr", "rsa-current.key", "rsa-next.key"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(path: Path, check: bool = False, **options: Any) -> dict[str, Any]:
        defaults = {"algorithms": ["ecdsa"], "names": ["mx.example.org"]}
        args = {**defaults, **options, "path": str(path), "_ansible_diff": True}
        with (
            patch_module_args({**args, "_ansible_check_mode": check}),
            pytest.raises(SystemExit),
        ):
            tls_key_ring.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.name: (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in directory.iterdir()
    }


def test_makes_a_ring_once(tmp_path: Path, run: Run) -> None:
    ring = tmp_path / "keys"
    options = {"algorithms": ["ecdsa", "rsa"], "names": ["mx.müller.example", "mx.example.org"]}

    predicted = run(ring, check=True, **options)
    assert predicted["changed"]
    assert {key["public_key"] for key in predicted["tls_keys"]} == {None}
    assert os.listdir(tmp_path) == []

    made = run(ring, **options)
    assert made["changed"]
    assert [(key["algorithm"], key["role"], "csr" in key) for key in made["tls_keys"]] == [
        ("ecdsa", "current", True),
        ("ecdsa", "next", False),
        ("rsa", "current", True),
        ("rsa", "next", False),
    ]
    for key in made["tls_keys"]:
        public = subprocess.run(
            ["openssl", "pkey", "-in", key["path"], "-pubout"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert key["public_key"] == public
    assert len({key["spki_sha256"] for key in made["tls_keys"]}) == 4
    assert stat.S_IMODE(ring.stat().st_mode) == 0o700
    assert {name: mode for name, (mode, _content) in contents(ring).items()} == {
        name: 0o644 if name.endswith(".csr") else 0o600 for name in [*FILES, *RSA_FILES]
    }

    before = contents(ring)
    for check in (True, False):
        again = run(ring, check=check, **options)
        assert not again["changed"]
        assert again["tls_keys"] == made["tls_keys"]
    assert contents(ring) == before


def test_shows_no_private_key(tmp_path: Path, run: Run) -> None:
    result = run(tmp_path / "keys")
    assert "PRIVATE" not in json.dumps(result)
    assert result["diff"][0]["before"] == ""
    assert result["tls_keys"][1]["spki_sha256"] in result["diff"][0]["after"]


def test_writes_requests_again_for_other_names_only(tmp_path: Path, run: Run) -> None:
    ring = tmp_path / "keys"
    run(ring, names=["mx.example.org", "a.example.org", "b.example.org"])
    before = contents(ring)
    assert not run(ring, names=["mx.example.org", "b.example.org", "a.example.org"])["changed"]
    assert run(ring, check=True, names=["mx.example.org"])["changed"]
    assert contents(ring) == before
    assert run(ring, names=["mx.example.org"])["changed"]
    after = contents(ring)
    assert [name for name in after if after[name] != before[name]] == ["ecdsa-current.csr"]


def test_after_a_rollover_there_is_a_request_for_the_new_key_and_a_next_one(
    tmp_path: Path, run: Run
) -> None:
    ring = tmp_path / "keys"
    old = run(ring)["tls_keys"]
    (ring / "ecdsa-next.key").rename(ring / "ecdsa-current.key")
    new = run(ring)["tls_keys"]
    assert new[0]["spki_sha256"] == old[1]["spki_sha256"]
    assert new[1]["spki_sha256"] not in {key["spki_sha256"] for key in old}
    public = subprocess.run(
        ["openssl", "req", "-in", new[0]["csr"], "-noout", "-pubkey"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert public == new[0]["public_key"]


def test_leaves_a_disabled_algorithm_alone(tmp_path: Path, run: Run) -> None:
    ring = tmp_path / "keys"
    run(ring)
    (ring / "rsa-current.key").write_text("mine")
    (ring / "rsa-current.key").chmod(0o640)
    assert not run(ring)["changed"]
    assert contents(ring)["rsa-current.key"] == (0o640, b"mine")


def test_puts_permissions_right(tmp_path: Path, run: Run) -> None:
    ring = tmp_path / "keys"
    run(ring)
    before = contents(ring)
    ring.chmod(0o755)
    (ring / "ecdsa-next.key").chmod(0o644)
    assert run(ring, check=True)["changed"]
    assert run(ring)["changed"]
    assert contents(ring) == before
    assert stat.S_IMODE(ring.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("genrsa 2048", "is a key of the kind RSA 2048, not secp256r1: it was left alone"),
        ("ecparam -name secp384r1 -genkey -noout", "is a key of the kind secp384r1, not secp256r1"),
        ("version", "is not a private key in PEM: it was left alone; move it away"),
    ],
)
def test_never_overwrites_a_key(command: str, reason: str, tmp_path: Path, run: Run) -> None:
    key = subprocess.run(["openssl", *command.split()], capture_output=True, check=True).stdout
    (tmp_path / "ecdsa-next.key").write_bytes(key)
    result = run(tmp_path)
    assert result["failed"]
    assert f"{tmp_path}/ecdsa-next.key {reason}" in result["msg"]
    assert (tmp_path / "ecdsa-next.key").read_bytes() == key
    assert os.listdir(tmp_path) == ["ecdsa-next.key"]


def test_needs_a_name(tmp_path: Path, run: Run) -> None:
    assert "names is empty" in run(tmp_path, names=[])["msg"]
    assert "mx is not fully qualified" in run(tmp_path, names=["mx"])["msg"]


def test_a_bare_host_needs_no_library_in_check_mode(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_keys, "HAS_CRYPTOGRAPHY", False)
    assert run(tmp_path / "pillarbox" / "keys", check=True)["changed"]
    assert "install python3-cryptography" in run(tmp_path)["msg"]
