# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for client certificates, and the list of those it has issued.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    generate_tls_key,
    load_private_key,
    private_pem,
)

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
    from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    pass  # require_cryptography() in _keys reports it

AUTHORITY_DAYS = 20 * 365
# The clocks of users' devices may be slow.
TOLERANCE = timedelta(hours=1)

# By fingerprint: the account, the end of validity, and the time of revocation, if any.
Issued = dict[str, dict[str, Any]]


class Certificate(NamedTuple):
    """A new certificate: the file for the user, and what the server records of it."""

    pkcs12: bytes
    fingerprint: str
    until: datetime


def load_issued(text: bytes | None) -> Issued:
    """Read the list of certificates. Raises KeysError."""
    if text is None:
        return {}
    try:
        issued = json.loads(text)
    except ValueError as error:
        raise KeysError("certificates.json is damaged: restore it from a backup") from error
    if not isinstance(issued, dict):
        raise KeysError("certificates.json is not a list of certificates: restore it from a backup")
    return issued


def dump_issued(issued: Issued) -> bytes:
    """Write the list of certificates."""
    return json.dumps(issued, indent=2, sort_keys=True).encode() + b"\n"


def valid(issued: Issued, account: str, now: datetime) -> list[str]:
    """Return the fingerprints of an account's valid certificates."""
    return [
        fingerprint
        for fingerprint, entry in issued.items()
        if entry["account"] == account
        and entry["revoked"] is None
        and datetime.fromisoformat(entry["until"]) > now
    ]


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(subject: str, issuer: str, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - TOLERANCE)
        .not_valid_after(now + timedelta(days=days))
    )


def authority_name(hostname: str) -> str:
    """Return the common name of the authority."""
    return f"Client certificates of {hostname}"


def make_authority(hostname: str, now: datetime) -> tuple[bytes, bytes]:
    """Return the key and the certificate of a new authority, both in PEM."""
    key = generate_tls_key("ecdsa")
    name = authority_name(hostname)
    certificate = (
        _builder(name, name, now, AUTHORITY_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return private_pem(key), certificate.public_bytes(Encoding.PEM)


def issue(
    authority: tuple[bytes, bytes], account: str, now: datetime, days: int, passphrase: str
) -> Certificate:
    """Return a new key and certificate for an account. Raises KeysError."""
    ca_key = load_private_key(authority[0])
    try:
        ca = x509.load_pem_x509_certificate(authority[1])
    except ValueError as error:
        raise KeysError("ca.pem is not a certificate in PEM") from error
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise KeysError("ca.key is not the ECDSA key that this module made")
    key = generate_tls_key("ecdsa")
    issuer = str(ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    certificate = (
        _builder(account, issuer, now, days)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(account)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, SHA256())
    )
    pkcs12 = serialize_key_and_certificates(
        account.encode(), key, certificate, [ca], BestAvailableEncryption(passphrase.encode())
    )
    # In the notation of Postfix.
    fingerprint = certificate.fingerprint(SHA256()).hex(":").upper()
    return Certificate(pkcs12, fingerprint, now + timedelta(days=days))
