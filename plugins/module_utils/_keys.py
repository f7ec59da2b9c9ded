# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys, and files that hold secrets.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import contextlib
import grp
import hashlib
import os
import pwd
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.pillarbox.mail.plugins.module_utils import _libcrypto

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

    from ansible.module_utils.basic import AnsibleModule
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    PrivateKey: TypeAlias = "PrivateKeyTypes | _libcrypto.Key"
    PublicKey: TypeAlias = "PublicKeyTypes | _libcrypto.Key"


class KeysError(Exception):
    """A key or a file that cannot be used as it is."""


def require_cryptography() -> None:
    """Raise KeysError where Python's cryptography is not installed."""
    if not HAS_CRYPTOGRAPHY:
        raise KeysError(
            "Python's cryptography is missing on this host: install python3-cryptography"
        )


def load_private_key(pem: bytes) -> PrivateKey:
    """Return the key of an unencrypted PEM file (PKCS#8 or traditional).

    Without Python's cryptography, as in a check before it is installed, it has no private half.

    Raises:
        KeysError: it is none; the text is a predicate ("is …") without the file's name.
    """
    if not HAS_CRYPTOGRAPHY and _libcrypto.is_available():
        try:
            return _libcrypto.private_key(pem)
        except _libcrypto.LibcryptoError as error:
            raise KeysError(str(error)) from error
    require_cryptography()
    try:
        try:
            # The full check of an RSA key (primality) takes 25 ms, 12 s for 500 domains. What a
            # damaged file would get wrong is checked below.
            key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        except TypeError:  # cryptography < 39 lacks the argument; an encrypted key ends here too
            key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise KeysError("is encrypted; a daemon needs a key without a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeysError("is not a private key in PEM") from error
    if isinstance(key, rsa.RSAPrivateKey) and not _is_consistent(key.private_numbers()):
        raise KeysError("is a damaged RSA key")
    return key


def load_ed25519_key(seed: bytes) -> PrivateKey:
    """Return the Ed25519 key with this seed (RFC 8032 section 5.1.5)."""
    if not HAS_CRYPTOGRAPHY and _libcrypto.is_available():
        return _libcrypto.ed25519_key(seed)
    require_cryptography()
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed)


def _is_consistent(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether the numbers of an RSA key fit each other (RFC 8017 section 3.2)."""
    p, q, d, public = key.p, key.q, key.d, key.public_numbers
    return (
        p * q == public.n
        and (d * public.e) % (p - 1) == 1
        and (d * public.e) % (q - 1) == 1
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and (key.iqmp * q) % p == 1
    )


def generate_tls_key(algorithm: str) -> SigningKey:
    """Return a new key for a server: P-256 for "ecdsa", 3072 bits for "rsa".

    Raises:
        KeysError: Python's cryptography is missing.
    """
    require_cryptography()
    if algorithm == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 3072)


def kind(key: PrivateKey) -> str:
    """Name a key's type and size for people, as in "RSA 2048", "secp256r1", "Ed25519"."""
    if isinstance(key, _libcrypto.Key):
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
    if isinstance(public_key, _libcrypto.Key):
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


def read_file(path: str) -> bytes | None:
    """Return a file's content, None when there is no such file.

    Raises:
        KeysError: it is there and cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysError(f"{path} cannot be read: {error.strerror}") from error


def set_attributes(
    module: AnsibleModule, arguments: dict[str, Any], changed: bool, diff: dict[str, Any]
) -> bool:
    """Give a file its owner, group and mode; return whether that, or what was before, is a change.

    Like AnsibleModule's own, but a check takes an owner or a group that does not exist for one that
    a package brings, which the file cannot have yet.
    """
    known = {"owner": pwd.getpwnam, "group": grp.getgrnam}
    for option, look_up in known.items() if module.check_mode else ():
        name = arguments[option]
        try:
            look_up("root" if name is None else name)
        except KeyError:
            diff.setdefault("before", {})[option] = "another"
            diff.setdefault("after", {})[option] = name
            arguments, changed = {**arguments, option: None}, True
    changed = module.set_fs_attributes_if_different(arguments, changed, diff)
    return changed


@contextlib.contextmanager
def _temporary(path: str, data: bytes, dress: Callable[[str], object]) -> Iterator[str]:
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".pillarbox-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        dress(temporary)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def create_file(path: str, data: bytes, dress: Callable[[str], object]) -> None:
    """Write a file that must not exist yet, in one step and never readable by more than it will be.

    AnsibleModule.atomic_move cannot do that: it overwrites, and a new file is 0644 for an instant.

    Args:
        path: the file.
        data: its content.
        dress: gives the path it is called with the file's owner, group and mode.

    Raises:
        KeysError: the file exists, or it cannot be written.
    """
    try:
        with _temporary(path, data, dress) as temporary:
            os.link(temporary, path)  # unlike rename(2), fails if somebody was faster
    except OSError as error:
        raise KeysError(f"{path} cannot be created: {error.strerror}") from error


def replace_file(path: str, data: bytes, dress: Callable[[str], object]) -> None:
    """Write a file like create_file, replacing one that exists (rename(2))."""
    try:
        with _temporary(path, data, dress) as temporary:
            os.rename(temporary, path)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from error


def create_directory(path: str, dress: Callable[[str], object]) -> None:
    """Make a directory that only its owner can enter until dress opens it.

    Raises:
        KeysError: it cannot be made, for instance because its own parent is missing.
    """
    try:
        os.mkdir(path, 0o700)
        dress(path)
    except OSError as error:
        raise KeysError(f"{path} cannot be created: {error.strerror}") from error
