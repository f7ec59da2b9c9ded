# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    generate_tls_key,
    kind,
    load_private_key,
    private_pem,
    public_pem,
    spki_sha256,
)

ECDSA = generate_tls_key("ecdsa")
RSA = generate_tls_key("rsa")


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, check=True
    ).stdout


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
def test_refuses_data_that_is_not_a_key(text: bytes) -> None:
    with pytest.raises(KeysError, match="is not a private key"):
        load_private_key(text)


def test_refuses_a_damaged_rsa_key() -> None:
    der = bytearray(openssl("rsa", "-traditional", "-outform", "DER", stdin=private_pem(RSA)))
    der[len(der) // 2] ^= 1
    with pytest.raises(KeysError, match="damaged RSA key|is not a private key"):
        load_private_key(openssl("base64", stdin=bytes(der)).join(
            [b"-----BEGIN RSA PRIVATE KEY-----\n", b"-----END RSA PRIVATE KEY-----\n"]
        ))  # fmt: skip
