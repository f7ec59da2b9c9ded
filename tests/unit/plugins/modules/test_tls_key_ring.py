# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import private
from ansible_collections.pillarbox.mail.plugins.modules import tls_key_ring

Run = Callable[..., dict[str, Any]]
FILES = [
    "ecdsa-current.key",
    "ecdsa-next.key",
    "rsa-current.key",
    "rsa-next.key",
]
# Of the user's own, as openssl makes them.
CHAIN = "-----BEGIN CERTIFICATE-----\nof the key\n"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(path: Path, check: bool = False, **options: Any) -> dict[str, Any]:
        defaults = {"algorithms": ["ecdsa"]}
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
    options = {"algorithms": ["ecdsa", "rsa"]}

    predicted = run(ring, check=True, **options)
    assert predicted["changed"]
    assert {key["public_key"] for key in predicted["tls_keys"]} == {None}
    assert os.listdir(tmp_path) == []

    made = run(ring, **options)
    assert made["changed"]
    assert [(key["algorithm"], key["role"]) for key in made["tls_keys"]] == [
        ("ecdsa", "current"),
        ("ecdsa", "next"),
        ("rsa", "current"),
        ("rsa", "next"),
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
    assert {name: mode for name, (mode, _content) in contents(ring).items()} == dict.fromkeys(
        [".lock", *FILES], 0o600
    )

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


def roll(ring: Path, seconds_ago: int) -> None:
    """What the renewal program does when it puts the next ECDSA key in service."""
    retired = digest((ring / "ecdsa-current.key").read_bytes())
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds_ago)
    (ring / "ecdsa-current.key").rename(ring / "ecdsa-previous.key")
    (ring / "ecdsa-next.key").rename(ring / "ecdsa-current.key")
    memory = {"retired": {retired: since.isoformat()}, "seen": {"x": "y"}}
    (ring / "ring.json").write_text(json.dumps(memory))


def digest(key: bytes) -> str:
    der = openssl("pkey", "-pubout", "-outform", "DER", stdin=key)
    return openssl("dgst", "-sha256", "-r", stdin=der).decode().split()[0]


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout


def roles(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key["algorithm"], key["role"]) for key in result["tls_keys"]]


def test_after_a_rollover_there_is_a_next_key_and_the_former_one_for_a_while(
    tmp_path: Path, run: Run
) -> None:
    ring = tmp_path / "keys"
    old = run(ring)["tls_keys"]
    roll(ring, 60)
    new = run(ring)
    assert new["changed"]
    assert roles(new) == [("ecdsa", "current"), ("ecdsa", "next"), ("ecdsa", "previous")]
    digests = [key["spki_sha256"] for key in new["tls_keys"]]
    assert (digests[0], digests[2]) == (old[1]["spki_sha256"], old[0]["spki_sha256"])
    assert digests[1] not in {key["spki_sha256"] for key in old}
    assert not run(ring)["changed"]

    for check in (True, False):
        later = run(ring, check, hold=60)
        assert later["changed"]
        assert roles(later) == [("ecdsa", "current"), ("ecdsa", "next")]
        assert (ring / "ecdsa-previous.key").exists() is check
    memory = json.loads((ring / "ring.json").read_text())
    assert memory == {"retired": {}, "seen": {"x": "y"}}
    assert not run(ring, hold=60)["changed"]


def test_the_key_of_an_algorithm_that_is_taken_off_stays_for_a_while(
    tmp_path: Path, run: Run
) -> None:
    ring = tmp_path / "keys"
    both = run(ring, algorithms=["ecdsa", "rsa"])["tls_keys"]
    for check in (True, False):
        less = run(ring, check)
        assert less["changed"]
        assert roles(less) == [("ecdsa", "current"), ("ecdsa", "next"), ("rsa", "current")]
    assert not run(ring)["changed"]
    back = run(ring, algorithms=["ecdsa", "rsa"])["tls_keys"]
    assert back[:3] == both[:3] and back[3] != both[3]

    run(ring)
    for name in ("ecdsa", "rsa"):
        (ring / f"{name}.pem").write_text("what is served")
    for check in (True, False):
        gone = run(ring, check, hold=0)
        assert gone["changed"]
        assert roles(gone) == [("ecdsa", "current"), ("ecdsa", "next")]
    assert not list(ring.glob("rsa*"))


def test_a_key_is_in_use_as_long_as_it_serves_for_an_algorithm_that_waits(
    tmp_path: Path, run: Run
) -> None:
    ring = tmp_path / "keys"
    run(ring)
    (ring / "ecdsa.pem").write_text("what is served")
    in_use = [("ecdsa", "current"), ("rsa", "current"), ("rsa", "next")]
    for stand_in in (False, True):
        if stand_in:
            (ring / "rsa.pem").symlink_to("ecdsa.pem")
        for check in (True, False):
            waiting = run(ring, check, algorithms=["rsa"], hold=0)
            assert sorted(roles(waiting)) == in_use
    assert not run(ring, algorithms=["rsa"], hold=0)["changed"]

    (ring / "rsa.pem").unlink()
    (ring / "rsa.pem").write_text("its own")
    assert roles(run(ring, algorithms=["rsa"], hold=60))[2:] == [("ecdsa", "current")]
    assert roles(run(ring, algorithms=["rsa"], hold=0)) == in_use[1:]
    assert not list(ring.glob("ecdsa*"))


def test_a_provided_key_is_the_current_one_at_first_and_later_the_next(
    tmp_path: Path, run: Run
) -> None:
    ring = tmp_path / "keys"
    first, second = (
        openssl(*command.split())
        for command in (
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            "ecparam -name secp384r1 -genkey -noout",
        )
    )

    def provide(key: bytes, check: bool = False, chain: str = CHAIN) -> dict[str, Any]:
        return run(ring, check, provided={"ecdsa": {"key": key.decode(), "chain": chain}})

    for key, expected in ((first, ["current"]), (second, ["current", "next"])):
        predicted = provide(key, check=True)
        done = provide(key)
        assert predicted["changed"] and done["changed"]
        assert roles(predicted) == roles(done) == [("ecdsa", role) for role in expected]
        assert done["tls_keys"][-1]["spki_sha256"] == digest(key)
        assert "PRIVATE" not in json.dumps(done)
        assert not provide(key)["changed"]
    assert done["tls_keys"][0]["spki_sha256"] == digest(first)
    assert {name: mode for name, (mode, _content) in contents(ring).items()} == dict.fromkeys(
        [".lock", "ecdsa-current.key", "ecdsa-next.key", "ecdsa-provided.pem"], 0o600
    )

    assert provide(second, check=True, chain="a longer chain")["changed"]
    assert (ring / "ecdsa-provided.pem").read_text() == CHAIN
    assert provide(second, chain="a longer chain")["changed"]
    assert (ring / "ecdsa-provided.pem").read_text() == "a longer chain"

    # Taken back before it was in use.
    assert roles(provide(first)) == [("ecdsa", "current")]
    assert not (ring / "ecdsa-next.key").exists()


@pytest.mark.parametrize(
    ("provided", "reason"),
    [
        ({"rsa": {}}, "provided has no key and chain for ecdsa: add them, or take it off algor"),
        ({"ecdsa": {"key": "x"}}, "provided has no key and chain for ecdsa"),
        (
            {"ecdsa": {"key": "x", "chain": CHAIN}},
            "provided.ecdsa.key is not a private key in PEM: give the certificate's own key",
        ),
    ],
)
def test_what_is_provided_and_no_good_is_told(
    provided: dict[str, Any], reason: str, tmp_path: Path, run: Run
) -> None:
    result = run(tmp_path, provided=provided)
    assert result["failed"]
    assert result["msg"].startswith(reason)
    assert os.listdir(tmp_path) == [".lock"]


def test_waits_for_the_renewal_program(tmp_path: Path, run: Run) -> None:
    run(tmp_path)
    (tmp_path / "ecdsa-next.key").unlink()
    waiting = "echo; sleep 0.5; date +%s.%N"
    with subprocess.Popen(
        ["flock", str(tmp_path / ".lock"), "sh", "-c", waiting], stdout=subprocess.PIPE, text=True
    ) as renewal:
        assert renewal.stdout
        renewal.stdout.readline()
        assert run(tmp_path, check=True)["changed"], "a check changes nothing, and need not wait"
        assert run(tmp_path)["changed"]
        released = float(renewal.stdout.read())
    assert (tmp_path / "ecdsa-next.key").stat().st_mtime >= released - 0.05


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
        ("ecparam -name secp521r1 -genkey -noout", "is a key of the kind secp521r1, not secp256r1"),
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
    assert sorted(os.listdir(tmp_path)) == [".lock", "ecdsa-next.key"]


def test_a_bare_host_needs_no_library_in_check_mode(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    assert run(tmp_path / "pillarbox" / "keys", check=True)["changed"]
    assert "install python3-cryptography" in run(tmp_path)["msg"]


def test_a_check_of_a_restored_host_needs_none_either(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"algorithms": ["ecdsa", "rsa"]}
    run(tmp_path, **options)
    before = contents(tmp_path)
    wanted = run(tmp_path, **options)
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    predicted = run(tmp_path, check=True, **options)
    assert not predicted["changed"]
    assert predicted["tls_keys"] == wanted["tls_keys"]
    (tmp_path / "rsa-next.key").unlink()
    assert run(tmp_path, check=True, **options)["tls_keys"][3]["public_key"] is None
    before.pop("rsa-next.key")
    assert contents(tmp_path) == before
