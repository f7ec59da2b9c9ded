# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import (
    KeysError,
    create_directory,
    create_file,
    generate_tls_key,
    kind,
    load_private_key,
    private_pem,
    public_pem,
    read_file,
    replace_file,
    spki_sha256,
)

ECDSA = generate_tls_key("ecdsa")
RSA = generate_tls_key("rsa")


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, check=True
    ).stdout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("key", [ECDSA, RSA], ids=kind)
def test_openssl_reads_our_keys_as_we_do(key) -> None:
    pem = private_pem(key)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    public = openssl("pkey", "-pubout", stdin=pem)
    assert public.decode() == public_pem(key.public_key())
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    digest = openssl("dgst", "-sha256", "-r", stdin=der).split()[0].decode()
    assert spki_sha256(load_private_key(pem).public_key()) == digest


def test_makes_the_kinds_of_keys_that_every_sender_knows() -> None:
    assert (kind(ECDSA), kind(RSA)) == ("secp256r1", "RSA 3072")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("genrsa -traditional 2048", "RSA 2048"),
        ("genpkey -algorithm ed25519", "Ed25519"),
        ("ecparam -name secp384r1 -genkey -noout", "secp384r1"),
    ],
)
def test_reads_what_openssl_makes(command: str, expected: str) -> None:
    assert kind(load_private_key(openssl(*command.split()))) == expected


def test_refuses_an_encrypted_key() -> None:
    pem = openssl("pkey", "-aes256", "-passout", "pass:x", stdin=private_pem(ECDSA))
    with pytest.raises(KeysError, match="is encrypted"):
        load_private_key(pem)


@pytest.mark.parametrize("text", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_refuses_what_is_no_key(text: bytes) -> None:
    with pytest.raises(KeysError, match="is not a private key"):
        load_private_key(text)


def test_refuses_a_damaged_rsa_key() -> None:
    der = bytearray(openssl("rsa", "-traditional", "-outform", "DER", stdin=private_pem(RSA)))
    der[len(der) // 2] ^= 1
    with pytest.raises(KeysError, match="damaged RSA key|is not a private key"):
        load_private_key(openssl("base64", stdin=bytes(der)).join(
            [b"-----BEGIN RSA PRIVATE KEY-----\n", b"-----END RSA PRIVATE KEY-----\n"]
        ))  # fmt: skip


def test_a_new_file_is_complete_and_dressed_before_it_has_its_name(tmp_path: Path) -> None:
    target = tmp_path / "key"
    seen: list[int] = []

    def dress(path: str) -> None:
        assert not target.exists()
        seen.append(mode(Path(path)))
        os.chmod(path, 0o640)

    create_file(str(target), b"secret", dress)
    assert seen == [0o600]
    assert (target.read_bytes(), mode(target)) == (b"secret", 0o640)
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.parametrize("there", ["file", "dangling link", "directory"])
def test_a_new_file_replaces_nothing(tmp_path: Path, there: str) -> None:
    target = tmp_path / "key"
    if there == "file":
        target.write_text("mine")
    elif there == "directory":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(KeysError, match="File exists"):
        create_file(str(target), b"secret", lambda path: None)
    assert os.listdir(tmp_path) == ["key"]
    assert not target.is_file() or target.read_text() == "mine"


def test_a_replaced_file_is_not_readable_while_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "users"
    target.write_text("old")
    replace_file(str(target), b"new", lambda path: os.chmod(path, 0o640))
    assert (target.read_bytes(), mode(target)) == (b"new", 0o640)
    assert os.listdir(tmp_path) == ["users"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(KeysError, match="users cannot be written: Operation not permitted"):
        replace_file(str(tmp_path / "users"), b"new", fail)
    assert os.listdir(tmp_path) == []


def test_a_directory_needs_its_parent(tmp_path: Path) -> None:
    create_directory(str(tmp_path / "keys"), lambda path: None)
    assert mode(tmp_path / "keys") == 0o700
    with pytest.raises(KeysError, match="cannot be created: No such file or directory"):
        create_directory(str(tmp_path / "a" / "b"), lambda path: None)


def test_tells_a_missing_file_from_an_unreadable_one(tmp_path: Path) -> None:
    assert read_file(str(tmp_path / "nowhere")) is None
    with pytest.raises(KeysError, match="cannot be read: Is a directory"):
        read_file(str(tmp_path))
