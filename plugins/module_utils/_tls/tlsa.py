# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute TLSA records (RFC 6698, RFC 7671) of certificates and keys.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    load_private_key,
    require_cryptography,
    spki,
)

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        load_der_private_key,
        load_der_public_key,
        load_pem_public_key,
    )
except ImportError:
    pass  # require_cryptography() reports it

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


class TlsaError(Exception):
    """There is no TLSA record of the material; the text continues a sentence about the file."""


@dataclass(frozen=True)
class Material:
    """The input of a TLSA record.

    spki is the DER SubjectPublicKeyInfo; certificate the DER certificate, None for a bare key.
    """

    spki: bytes
    certificate: bytes | None = None
    is_ca: bool = False


def _from_certificate(certificate: x509.Certificate) -> Material:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        is_ca = constraints.value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return Material(
        spki(certificate.public_key()), certificate.public_bytes(Encoding.DER), bool(is_ca)
    )


def _load_pem(data: bytes) -> Material:
    certificate: Material | None = None
    key: Material | None = None
    for block in _PEM.finditer(data):
        label, pem = block.group(1), block.group() + b"\n"
        if label == b"CERTIFICATE":
            # The first one is the leaf (RFC 8446 section 4.4.2), the others are its issuers.
            certificate = certificate or _from_certificate(x509.load_pem_x509_certificate(pem))
        elif label.endswith(b"PRIVATE KEY"):
            key = key or Material(spki(load_private_key(pem).public_key()))
        elif label.endswith(b"PUBLIC KEY"):
            key = key or Material(spki(load_pem_public_key(pem)))
    if certificate and key and certificate.spki != key.spki:
        raise TlsaError("contains a certificate and a key that do not match")
    found = certificate or key
    if found is None:
        raise TlsaError("contains neither a certificate nor a key")
    return found


def _load_der(data: bytes) -> Material:
    try:
        return _from_certificate(x509.load_der_x509_certificate(data))
    except ValueError:
        pass
    try:
        return Material(spki(load_der_private_key(data, None).public_key()))
    except TypeError as error:
        raise TlsaError("is an encrypted key") from error
    except ValueError:
        pass
    return Material(spki(load_der_public_key(data)))


def load(data: bytes) -> Material:
    """Read a certificate, a chain, a private or public key, or a key with its chain; PEM or DER.

    Raises:
        TlsaError: it is none of these, or its parts do not match.
        KeysError: Python's cryptography is missing.
    """
    require_cryptography()
    try:
        return _load_pem(data) if b"-----BEGIN " in data else _load_der(data)
    except KeysError as error:
        raise TlsaError(str(error)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsaError("is not a readable certificate or key") from error


def rdata(material: Material, usage: int, selector: int, matching_type: int) -> str:
    """Return the record data in zone file format: three numbers and the digest in hexadecimal.

    Args:
        material: the result of load.
        usage: 3 (DANE-EE) or 2 (DANE-TA).
        selector: 0 (certificate) or 1 (SubjectPublicKeyInfo).
        matching_type: 1 (SHA-256) or 2 (SHA-512).

    Raises:
        TlsaError: the record would not match the server's certificate.
    """
    if usage == 2 and not material.is_ca:
        # RFC 7671 section 5.2: a DANE-TA record names an issuer in the chain, never the leaf.
        what = "a bare key" if material.certificate is None else "a server's certificate"
        raise TlsaError(
            f"is {what}, but usage 2 needs a CA: give the CA's certificate alone, or use usage 3"
        )
    selected = material.certificate if selector == 0 else material.spki
    if selected is None:
        raise TlsaError("is a bare key, but selector 0 needs a certificate: use selector 1")
    return f"{usage} {selector} {matching_type} {_DIGESTS[matching_type](selected).hexdigest()}"


def owner(host: str, port: int, protocol: str) -> str:
    """Return the name of a service's TLSA record (RFC 6698 section 3), without a final dot."""
    return f"_{port}._{protocol}.{host}"
