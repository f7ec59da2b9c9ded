# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates are read the same with and without python3-cryptography."""

from __future__ import annotations

import base64
import subprocess
from datetime import timedelta

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import private
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.libcrypto import (
    LibcryptoError,
    certificate,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    kind,
    load_ed25519_key,
    load_private_key,
    public_pem,
    spki,
)

KINDS = {
    "secp256r1": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "secp384r1": "ecparam -name secp384r1 -genkey",
    "RSA 2048": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    "RSA 3072": "genrsa -traditional 3072",
    "Ed25519": "genpkey -algorithm ed25519",
}


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    command = ["openssl", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", KINDS)
def test_a_key_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = openssl(*KINDS[name].split())
    by_cryptography = load_private_key(pem)
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    key = load_private_key(pem)
    assert kind(key) == kind(by_cryptography) == name
    public = openssl("pkey", "-pubout", stdin=pem).decode()
    assert public_pem(key.public_key()) == public_pem(by_cryptography.public_key()) == public


def test_so_is_an_ed25519_key_of_which_only_the_seed_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # RFC 8032 section 7.1, test 1.
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", False)
    key = load_ed25519_key(bytes.fromhex(seed))
    assert (kind(key), spki(key.public_key())[-32:].hex()) == ("Ed25519", public)


def test_what_is_refused_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = openssl(*KINDS["RSA 2048"].split())
    der = bytearray(openssl("rsa", "-traditional", "-outform", "DER", stdin=pem))
    der[len(der) // 2] ^= 1
    damaged = base64.encodebytes(bytes(der)).join(
        [b"-----BEGIN RSA PRIVATE KEY-----\n", b"-----END RSA PRIVATE KEY-----\n"]
    )
    encrypted = openssl("pkey", "-aes256", "-passout", "pass:", stdin=pem)
    for bad in (b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", damaged, encrypted):
        reasons = []
        for library in (True, False):
            monkeypatch.setattr(private, "HAS_CRYPTOGRAPHY", library)
            with pytest.raises(KeysError) as refusal:
                load_private_key(bad)
            reasons.append(str(refusal.value))
        assert reasons[0] == reasons[1]


def test_reads_what_a_certificate_says() -> None:
    key = openssl(*KINDS["secp256r1"].split())
    names = "subjectAltName=DNS:mx.example.org,DNS:*.example.net"
    pem = openssl("req", "-x509", "-key", "/dev/stdin", "-days", "45", "-subj",
                  "/CN=other.example.org", "-addext", names, stdin=key)  # fmt: skip
    asked = ["mx.example.org", "a.example.net", "example.net", "other.example.org"]
    leaf = certificate(key + pem, asked)
    assert leaf.spki == openssl("pkey", "-pubout", "-outform", "DER", stdin=key)
    assert leaf.life == timedelta(days=45)
    assert timedelta(days=44, hours=23) < leaf.left <= leaf.life
    assert leaf.names == {"mx.example.org", "a.example.net"}
    with pytest.raises(LibcryptoError, match="holds no certificate"):
        certificate(key, [])
