# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.tlsa import (
    TlsaError,
    load,
    owner,
    rdata,
)


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a CA, a server's key and its certificate, and an unrelated key."""
    path = tmp_path_factory.mktemp("pki")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-subj", "/CN=CA", "-keyout", path / "ca.key",
            "-out", path / "ca.pem")  # fmt: skip
    openssl("req", "-x509", *curve, "-subj", "/CN=mx.example.org", "-CA", path / "ca.pem",
            "-CAkey", path / "ca.key", "-addext", "basicConstraints=CA:FALSE",
            "-keyout", path / "mx.key", "-out", path / "mx.pem")  # fmt: skip
    openssl("genrsa", "-traditional", "-out", path / "stranger.key", "2048")
    return path


def spki_digest(key: Path, algorithm: str) -> str:
    public = openssl("pkey", "-in", key, "-pubout")
    der = openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    return openssl("dgst", f"-{algorithm}", "-r", stdin=der).split()[0].decode()


def der_of(kind: str, path: Path, *options: str) -> bytes:
    return openssl(kind, "-in", path, "-outform", "DER", *options)


FORMS: dict[str, Callable[[Path], bytes]] = {
    "certificate": lambda p: (p / "mx.pem").read_bytes(),
    "certificate in DER": lambda p: der_of("x509", p / "mx.pem"),
    "chain": lambda p: (p / "mx.pem").read_bytes() + (p / "ca.pem").read_bytes(),
    "key and chain": lambda p: b"".join(
        (p / name).read_bytes() for name in ("mx.key", "mx.pem", "ca.pem")
    ),
    "chain and key": lambda p: b"".join(
        (p / name).read_bytes() for name in ("mx.pem", "ca.pem", "mx.key")
    ),
    "chain with text": lambda p: openssl("x509", "-in", p / "mx.pem", "-text"),
    "private key": lambda p: (p / "mx.key").read_bytes(),
    "traditional private key": lambda p: openssl("ec", "-in", p / "mx.key"),
    "private key in DER": lambda p: der_of("pkey", p / "mx.key"),
    "public key": lambda p: openssl("pkey", "-in", p / "mx.key", "-pubout"),
    "public key in DER": lambda p: der_of("pkey", p / "mx.key", "-pubout"),
}


@pytest.mark.parametrize("form", FORMS)
def test_openssl_computes_the_same_digests(form: str, pki: Path) -> None:
    material = load(FORMS[form](pki))
    assert rdata(material, 3, 1, 1) == f"3 1 1 {spki_digest(pki / 'mx.key', 'sha256')}"
    assert rdata(material, 3, 1, 2) == f"3 1 2 {spki_digest(pki / 'mx.key', 'sha512')}"


def test_openssl_computes_the_same_digest_of_a_certificate(pki: Path) -> None:
    shown = openssl("x509", "-in", pki / "mx.pem", "-noout", "-fingerprint", "-sha256").decode()
    digest = shown.strip().partition("=")[2].replace(":", "").lower()
    assert rdata(load((pki / "mx.pem").read_bytes()), 3, 0, 1) == f"3 0 1 {digest}"


def test_a_ca_can_be_pinned(pki: Path) -> None:
    digest = spki_digest(pki / "ca.key", "sha256")
    assert rdata(load((pki / "ca.pem").read_bytes()), 2, 1, 1) == f"2 1 1 {digest}"


@pytest.mark.parametrize(
    ("form", "usage", "selector", "reason"),
    [
        ("certificate", 2, 1, "is a server's certificate, but usage 2 needs a CA"),
        ("key and chain", 2, 0, "is a server's certificate, but usage 2 needs a CA"),
        ("public key", 2, 1, "is a bare key, but usage 2 needs a CA"),
        ("private key", 3, 0, "is a bare key, but selector 0 needs a certificate"),
    ],
)
def test_refuses_records_that_would_not_match(
    form: str, usage: int, selector: int, reason: str, pki: Path
) -> None:
    material = load(FORMS[form](pki))
    with pytest.raises(TlsaError, match=reason):
        rdata(material, usage, selector, 1)


def test_refuses_a_key_of_another_certificate(pki: Path) -> None:
    data = (pki / "stranger.key").read_bytes() + (pki / "mx.pem").read_bytes()
    with pytest.raises(TlsaError, match="do not match"):
        load(data)


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_refuses_an_encrypted_key(form: str, pki: Path) -> None:
    data = openssl("pkcs8", "-topk8", "-in", pki / "mx.key", "-passout", "pass:x", "-outform", form)
    with pytest.raises(TlsaError, match="is encrypted|is an encrypted key"):
        load(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
    ],
)
def test_refuses_what_is_neither_certificate_nor_key(data: bytes) -> None:
    with pytest.raises(TlsaError, match="certificate"):
        load(data)


def test_names_services_as_rfc_6698_does() -> None:
    assert owner("mx.example.org", 25, "tcp") == "_25._tcp.mx.example.org"
