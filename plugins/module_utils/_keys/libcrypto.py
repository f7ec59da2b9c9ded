# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read keys and certificates with the OpenSSL library that Python itself depends on.

Check mode must predict a run on a restored host, which has its keys but not python3-cryptography
yet. Reading is all it needs: EVP_PKEY(3), X509(3).

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

# libcrypto's own name for P-256; other curves have the same name everywhere.
CURVES = {"prime256v1": "secp256r1"}
NID_ED25519 = 1087
NEVER_CHECK_SUBJECT = 0x20


class LibcryptoError(Exception):
    """A key or certificate cannot be read; the text continues a sentence ("is …")."""


@dataclass(frozen=True)
class Key:
    """A public key: its type and size for display, and its SubjectPublicKeyInfo in DER."""

    kind: str
    spki: bytes

    def public_key(self) -> Key:
        """Return the key itself, to match the interface of cryptography's private keys."""
        return self


@dataclass(frozen=True)
class Certificate:
    """A leaf certificate: public key, lifetime, time left, and the requested names it covers."""

    spki: bytes
    life: timedelta
    left: timedelta
    names: frozenset[str]


@functools.cache
def _library() -> Any:
    """Load libcrypto as both supported releases have it. Raises OSError if it is missing."""
    library = ctypes.CDLL("libcrypto.so.3")
    pointers = (
        "BIO_new_mem_buf", "PEM_read_bio_PrivateKey", "EVP_PKEY_new_raw_private_key",
        "EVP_PKEY_CTX_new", "PEM_read_bio_X509", "X509_get_pubkey", "X509_get0_notBefore",
        "X509_get0_notAfter",
    )  # fmt: skip
    for name in pointers:
        getattr(library, name).restype = ctypes.c_void_p
    library.EVP_PKEY_get0_type_name.restype = ctypes.c_char_p
    return library


def is_available() -> bool:
    """Whether the library can be loaded."""
    try:
        return bool(_library())
    except OSError:
        return False


def _read(function: str, pem: bytes) -> int | None:
    """Return the object that a PEM_read_bio function finds in a text."""
    library = _library()
    source = ctypes.c_void_p(library.BIO_new_mem_buf(pem, len(pem)))
    # An empty passphrase: without one it would prompt.
    found: int | None = getattr(library, function)(source, None, None, b"")
    library.BIO_free(source)
    return found


def _spki(key: ctypes.c_void_p) -> bytes:
    library = _library()
    der = ctypes.create_string_buffer(library.i2d_PUBKEY(key, None))
    # i2d_PUBKEY advances the pointer.
    library.i2d_PUBKEY(key, ctypes.byref(ctypes.c_char_p(ctypes.addressof(der))))
    return der.raw


def _kind(key: ctypes.c_void_p) -> str:
    library = _library()
    kind: str = library.EVP_PKEY_get0_type_name(key).decode()
    if kind == "RSA":
        return f"RSA {library.EVP_PKEY_get_bits(key)}"
    if kind == "EC":
        name = ctypes.create_string_buffer(64)
        library.EVP_PKEY_get_group_name(key, name, len(name), None)
        curve = name.value.decode()
        return CURVES.get(curve, curve)
    return "Ed25519" if kind == "ED25519" else kind


def _key(pointer: int | None) -> Key:
    if pointer is None:
        raise LibcryptoError("is not a private key in PEM")
    library, key = _library(), ctypes.c_void_p(pointer)
    context = ctypes.c_void_p(library.EVP_PKEY_CTX_new(key, None))
    try:
        if library.EVP_PKEY_pairwise_check(context) != 1:
            raise LibcryptoError(f"is a damaged {_kind(key).partition(' ')[0]} key")
        return Key(_kind(key), _spki(key))
    finally:
        library.EVP_PKEY_CTX_free(context)
        library.EVP_PKEY_free(key)


def private_key(pem: bytes) -> Key:
    """Return the public half of a private key in PEM. Raises LibcryptoError."""
    if b"ENCRYPTED" in pem:
        raise LibcryptoError("is encrypted; daemons need a key without a passphrase")
    return _key(_read("PEM_read_bio_PrivateKey", pem))


def ed25519_key(seed: bytes) -> Key:
    """Return the public half of the Ed25519 key with this seed of 32 bytes."""
    new = _library().EVP_PKEY_new_raw_private_key
    return _key(new(NID_ED25519, None, seed, ctypes.c_size_t(len(seed))))


def certificate(pem: bytes, names: list[str]) -> Certificate:
    """Return the first certificate of a chain, with those of *names* that it covers.

    Raises:
        LibcryptoError: there is no certificate.
    """
    pointer = _read("PEM_read_bio_X509", pem)
    if pointer is None:
        raise LibcryptoError("holds no certificate")
    library, leaf = _library(), ctypes.c_void_p(pointer)
    key = ctypes.c_void_p(library.X509_get_pubkey(leaf))
    begin, end = (
        ctypes.c_void_p(time(leaf))
        for time in (library.X509_get0_notBefore, library.X509_get0_notAfter)
    )
    try:
        return Certificate(
            _spki(key),
            _between(begin, end),
            _between(None, end),
            frozenset(
                name
                for name in names
                if library.X509_check_host(
                    leaf, name.encode(), ctypes.c_size_t(0), NEVER_CHECK_SUBJECT, None
                )
                == 1
            ),
        )
    finally:
        library.EVP_PKEY_free(key)
        library.X509_free(leaf)


def _between(begin: ctypes.c_void_p | None, end: ctypes.c_void_p) -> timedelta:
    """Return the time between two moments; a null pointer means now."""
    days, seconds = ctypes.c_int(), ctypes.c_int()
    _library().ASN1_TIME_diff(ctypes.byref(days), ctypes.byref(seconds), begin, end)
    return timedelta(days=days.value, seconds=seconds.value)
