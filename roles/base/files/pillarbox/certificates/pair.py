# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key: whether they may be served, and when they are due for renewal."""

from __future__ import annotations

import hashlib
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from pillarbox import Failure
from pillarbox.certificates.lifetimes import renewal_margin
from pillarbox.commands import CommandError, run

BEGIN = b"-----BEGIN CERTIFICATE-----"
DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}
# Seconds that notBefore may be ahead of this host's clock.
AHEAD = 300


class CertificateError(Failure):
    """A certificate or key must not be served, or a step on the way there failed."""


class TooEarly(CertificateError):
    """The key may only be served later."""


def spki(public_key: Any) -> bytes:
    """Return the DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), which TLSA records pin."""
    der: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def key_spki(pem: bytes) -> bytes:
    """Return that of a private key, which may be followed by its chain. Raises CertificateError."""
    return _key_spki(pem.partition(BEGIN)[0])


# A run loads the same few keys many times.
@cache
def _key_spki(pem: bytes) -> bytes:
    try:
        return spki(_private_key(pem).public_key())
    except (TypeError, ValueError) as error:
        raise CertificateError(f"contains no readable private key ({error})") from error


def _private_key(pem: bytes) -> Any:
    """Return a private key. Raises TypeError, ValueError."""
    try:
        # The full check of an RSA key takes 0.1 s. That of its numbers (RFC 8017 section 3.2)
        # detects a damaged file.
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # cryptography before 39 lacks the argument.
        return load_pem_private_key(pem, None)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        public = numbers.public_numbers
        fits = numbers.p * numbers.q == public.n and all(
            (numbers.d * public.e) % (prime - 1) == 1 for prime in (numbers.p, numbers.q)
        )
        if not fits:
            raise ValueError("the numbers of an RSA key that do not fit together")
    return key


def digest(der: bytes, matching_type: int = 1) -> str:
    """Return the certificate association data of a TLSA record 3 1 matching_type, in hex."""
    return DIGESTS[matching_type](der).hexdigest()


def validity(leaf: x509.Certificate) -> tuple[datetime, datetime]:
    """Return begin and end of validity in UTC; cryptography before 42 returns naive times."""
    if hasattr(leaf, "not_valid_after_utc"):
        return leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return (
        leaf.not_valid_before.replace(tzinfo=UTC),
        leaf.not_valid_after.replace(tzinfo=UTC),
    )


def leaf_of(pem: bytes) -> x509.Certificate:
    """Return the leaf, first in a chain (RFC 8446 section 4.4.2). Raises CertificateError."""
    begin = pem.find(BEGIN)
    if begin < 0:
        raise CertificateError("cannot be read: no certificate found")
    try:
        return x509.load_pem_x509_certificate(pem[begin:])
    except ValueError as error:
        raise CertificateError(f"cannot be read ({error})") from error


def is_last_call(leaf: x509.Certificate) -> bool:
    """Whether a certificate is in the last sixth of its life."""
    begin, end = validity(leaf)
    return end - datetime.now(UTC) < (end - begin) / 6


def left(chain: bytes) -> timedelta:
    """Return the time until the leaf expires. Raises CertificateError."""
    return validity(leaf_of(chain))[1] - datetime.now(UTC)


def names_of(leaf: x509.Certificate) -> set[str]:
    """Return the names that a certificate is for, in lower case."""
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {name.lower() for name in san.get_values_for_type(x509.DNSName)}


def why_unfit(chain: bytes, key: bytes, names: list[str]) -> str | None:
    """Return why a chain must not be served with this key now, or None if it may."""
    try:
        leaf = leaf_of(chain)
        if spki(leaf.public_key()) != key_spki(key):
            return "is for another key"
    except CertificateError as error:
        return str(error)
    held = names_of(leaf)
    # A wildcard matches one label (RFC 9525 section 6.3).
    missing = [name for name in names if not {name, f"*.{name.partition('.')[2]}"} & held]
    if missing:
        return f"is not for {', '.join(missing)}"
    begin, end = validity(leaf)
    if not begin - timedelta(seconds=AHEAD) <= datetime.now(UTC) < end:
        return f"is valid only from {begin} to {end}; check this host's clock"
    return None


def why_broken(chain: bytes) -> str | None:
    """Return why the certificates of a chain do not verify each other, or None if they do.

    By openssl-verify(1), as cryptography before 40 cannot. Which root to trust is the clients'
    business.
    """
    certificates = [BEGIN + part for part in chain.split(BEGIN)[1:]]
    if len(certificates) == 1:
        return None
    with tempfile.TemporaryDirectory(prefix="pillarbox-") as directory:
        files = {
            name: Path(directory, name)
            for name in ("leaf", "between", "last")
        }  # fmt: skip
        files["leaf"].write_bytes(certificates[0])
        files["between"].write_bytes(b"".join(certificates[1:]))
        files["last"].write_bytes(certificates[-1])
        try:
            run(
                "openssl", "verify", "-partial_chain", "-attime", str(int(time.time() + AHEAD)),
                "-trusted", str(files["last"]), "-untrusted", str(files["between"]),
                str(files["leaf"]), merge=True,
            )  # fmt: skip
        except CommandError as error:
            lines = error.output.splitlines()
            why = next((line for line in lines if line.startswith("error ")), "").strip()
            return f"has a broken chain ({why or 'openssl verify failed'})"
    return None


def why_due(
    served: bytes | None, key: bytes, config: dict[str, Any], delay: float = 0.0
) -> str | None:
    """Return why the certificate in service must be replaced, or None if it need not be."""
    if served is None:
        return "there is no certificate yet"
    reason = why_unfit(served, key, config["names"])
    if reason is None:
        begin, end = validity(leaf_of(served))
        if left(served) < renewal_margin(end - begin, config["renew_days"], delay):
            reason = f"expires in {left(served).days} days"
    return reason and f"the certificate in service {reason}"
