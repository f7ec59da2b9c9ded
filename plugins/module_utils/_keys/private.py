# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, read and describe private keys.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from typing import TYPE_CHECKING

from ansible_collections.pillarbox.mail.plugins.module_utils._keys import libcrypto

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

if TYPE_CHECKING:
    from typing import TypeAlias

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    PrivateKey: TypeAlias = "PrivateKeyTypes | libcrypto.Key"
    PublicKey: TypeAlias = "PublicKeyTypes | libcrypto.Key"


class KeysError(Exception):
    """A key cannot be used."""


def require_cryptography() -> None:
    """Raise KeysError if Python's cryptography is not installed."""
    if not HAS_CRYPTOGRAPHY:
        raise KeysError(
            "Python's cryptography is missing on this host: install python3-cryptography"
        )


def load_private_key(pem: bytes) -> PrivateKey:
    """Return the key of an unencrypted PEM file (PKCS#8 or traditional).

    Without Python's cryptography, as in check mode before it is installed, only its public half.

    Raises:
        KeysError: there is no such key; the text continues a sentence about the file ("is …").
    """
    if not HAS_CRYPTOGRAPHY and libcrypto.is_available():
        try:
            return libcrypto.private_key(pem)
        except libcrypto.LibcryptoError as error:
            raise KeysError(str(error)) from error
    require_cryptography()
    try:
        try:
            # The full check of an RSA key (primality) takes 25 ms, 12 s for 500 domains. The
            # check below is enough to detect a damaged file.
            key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        except TypeError:  # cryptography < 39 lacks the argument; an encrypted key ends here too
            key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise KeysError("is encrypted; daemons need a key without a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeysError("is not a private key in PEM") from error
    if isinstance(key, rsa.RSAPrivateKey) and not _is_consistent(key.private_numbers()):
        raise KeysError("is a damaged RSA key")
    return key


def load_ed25519_key(seed: bytes) -> PrivateKey:
    """Return the Ed25519 key with this seed (RFC 8032 section 5.1.5)."""
    if not HAS_CRYPTOGRAPHY and libcrypto.is_available():
        return libcrypto.ed25519_key(seed)
    require_cryptography()
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def _is_consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers of an RSA key are consistent (RFC 8017 section 3.2)."""
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    return (
        p * q == public.n
        and (d * public.e) % (p - 1) == 1
        and (d * public.e) % (q - 1) == 1
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and (key.iqmp * q) % p == 1
    )


def generate_tls_key(algorithm: str) -> SigningKey:
    """Return a new TLS key: P-256 for "ecdsa", 3072 bits for "rsa".

    Raises:
        KeysError: Python's cryptography is missing.
    """
    require_cryptography()
    if algorithm == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 3072)


def kind(key: PrivateKey) -> str:
    """Return a key's type and size for display, as in "RSA 2048", "secp256r1", "Ed25519"."""
    if isinstance(key, libcrypto.Key):
        return key.kind
    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.curve.name
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "Ed25519"
    return type(key).__name__.lstrip("_")


def spki(public_key: PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""
    if isinstance(public_key, libcrypto.Key):
        return public_key.spki
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(public_key: PublicKey) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo in hexadecimal, as in a 3 1 1 TLSA record."""
    return hashlib.sha256(spki(public_key)).hexdigest()


def public_pem(public_key: PublicKey) -> str:
    """Return the SubjectPublicKeyInfo in PEM (RFC 7468 section 13)."""
    text = textwrap.fill(base64.b64encode(spki(public_key)).decode(), 64)
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"


def private_pem(key: PrivateKeyTypes) -> bytes:
    """Return the key as unencrypted PKCS#8 in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
