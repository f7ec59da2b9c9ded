# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DKIM keys in the formats that all supported Rspamd versions read, and their DNS records.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    kind,
    load_ed25519_key,
    load_private_key,
    private_pem,
    require_cryptography,
    spki,
)

try:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
except ImportError:
    pass  # require_cryptography() reports it when a key is generated

if TYPE_CHECKING:
    from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import PrivateKey

    DkimKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class DkimError(Exception):
    """A file is not a DKIM key; the text continues a sentence about the file ("is …")."""


def generate(key_type: str, size: int) -> DkimKey:
    """Return a new key.

    Args:
        key_type: "rsa" or "ed25519".
        size: bits of an RSA key; RFC 8301 section 3.2 recommends at least 2048.

    Raises:
        KeysError: Python's cryptography is missing.
    """
    require_cryptography()
    if key_type == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, size)


def serialise(key: DkimKey) -> bytes:
    """Return the content of a key file: RSA as PKCS#8 in PEM, Ed25519 as its seed in base64.

    Rspamd reads the seed in all versions, but Ed25519 in PEM only since 3.13.2.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey):
        seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return base64.b64encode(seed) + b"\n"
    return private_pem(key)


def load(data: bytes) -> PrivateKey:
    """Return the key in a file, whose format is detected as in Rspamd's dkim.c.

    Raises:
        DkimError: it is not a key, or not one for DKIM.
        KeysError: Python's cryptography is missing.
    """
    if data.startswith(b"-----BEGIN"):
        try:
            key = load_private_key(data)
        except KeysError as error:
            raise DkimError(str(error)) from error
        if kind(key) == "Ed25519":
            raise DkimError("is an Ed25519 key in PEM, which Rspamd before 3.13.2 cannot read")
        if not kind(key).startswith("RSA "):
            raise DkimError("is neither an RSA nor an Ed25519 key")
        return key
    try:
        raw = base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise DkimError("is neither PEM nor base64") from error
    if len(raw) not in (32, 64):
        raise DkimError(f"contains {len(raw)} bytes in base64; an Ed25519 key has 32 or 64")
    ed_key = load_ed25519_key(raw[:32])
    if raw[32:] not in (b"", _raw_public(ed_key)):
        raise DkimError("is a damaged Ed25519 key: its public half does not match its seed")
    return ed_key


def _raw_public(key: PrivateKey) -> bytes:
    """Return the 32 bytes of an Ed25519 key, the end of its SubjectPublicKeyInfo (RFC 8410)."""
    return spki(key.public_key())[-32:]


def facts(key: PrivateKey) -> tuple[str, int]:
    """Return a key's type and size in bits."""
    name, *size = kind(key).split(" ")
    return ("rsa", int(size[0])) if name == "RSA" else ("ed25519", 256)


def dns_name(selector: str, domain: str) -> str:
    """Return the name of the key's TXT record (RFC 6376 section 3.6.2.1), without a final dot."""
    return f"{selector}._domainkey.{domain}"


def dns_value(key: PrivateKey) -> str:
    """Return the text of the key's TXT record, not split into strings.

    For RSA, p= is the SubjectPublicKeyInfo, as in the example of RFC 6376 appendix C; for Ed25519
    it is the bare 32 bytes (RFC 8463 section 4.2). There is no s= tag, because TLS reports use the
    key too (RFC 8460 section 3).
    """
    if kind(key) == "Ed25519":
        name, public = "ed25519", _raw_public(key)
    else:
        name, public = "rsa", spki(key.public_key())
    return f"v=DKIM1; k={name}; p={base64.b64encode(public).decode()}"
