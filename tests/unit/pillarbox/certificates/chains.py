# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, and certificates of all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

NAMES = ("mx.example.org",)


def pem(key: Any) -> bytes:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text


def new_key() -> bytes:
    return pem(ec.generate_private_key(ec.SECP256R1()))


KEY, OTHER_KEY, CA_KEY = new_key(), new_key(), new_key()
# One of each role, as no test changes them and generating RSA keys takes time.
KEYS = {
    (algorithm, role): new_key()
    if algorithm == "ecdsa"
    else pem(rsa.generate_private_key(65537, 2048))
    for algorithm in ("ecdsa", "rsa")
    for role in ("current", "next")
}


def certificate(
    key: bytes = KEY,
    names: Sequence[str] = NAMES,
    begin: float = -30,
    end: float = 60,
    subject: str = "leaf",
    issuer: str | None = None,
    signed_by: bytes | None = None,
    ca: bool = False,
) -> bytes:
    """Return a certificate that is valid for these days from now, self-signed by default."""
    private_key: Any = load_pem_private_key(key, None)
    signer: Any = load_pem_private_key(signed_by or key, None)
    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer or subject))
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begin))
        .not_valid_after(now + timedelta(days=end))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if signed_by:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if names:
        san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(san, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def authority(subject: str = "intermediate", end: float = 60) -> bytes:
    """Return the certificate of a CA with CA_KEY."""
    return certificate(
        CA_KEY, (), end=end, subject=subject, issuer="root", signed_by=OTHER_KEY, ca=True
    )


def issued(key: bytes = KEY, issuer: str = "intermediate", **more: Any) -> bytes:
    """Return the certificate of a server from that CA."""
    return certificate(key, issuer=issuer, signed_by=CA_KEY, **more)
