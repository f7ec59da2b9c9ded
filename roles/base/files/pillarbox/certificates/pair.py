# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key: whether they may be served, and until when they will do."""

from __future__ import annotations

import hashlib
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from pillarbox import Failure
from pillarbox.commands import CommandError, run

BEGIN = b"-----BEGIN CERTIFICATE-----"
DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}
# Seconds that a CA may date a certificate ahead of this host's clock.
AHEAD = 300


class CertificateError(Failure):
    """A certificate or key that must not be served, or a step on the way there that failed."""


class TooEarly(CertificateError):
    """A key that may be served later."""


def spki(public_key: Any) -> bytes:
    """The DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), which TLSA records pin."""
    der: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


# A run asks for the same few keys again and again, and to check one of RSA takes 0.1 s.
@cache
def key_spki(pem: bytes) -> bytes:
    """The same of a private key, which may have its chain behind it. Raises CertificateError."""
    try:
        return spki(load_pem_private_key(pem.partition(BEGIN)[0], None).public_key())
    except (TypeError, ValueError) as error:
        raise CertificateError(f"holds no readable private key ({error})") from error


def digest(der: bytes, matching_type: int = 1) -> str:
    """The certificate association data of a TLSA record 3 1 matching_type, in hexadecimal."""
    return DIGESTS[matching_type](der).hexdigest()


def validity(leaf: x509.Certificate) -> tuple[datetime, datetime]:
    """Begin and end of validity in UTC, which cryptography before 42 has without a zone."""
    if hasattr(leaf, "not_valid_after_utc"):
        return leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return (
        leaf.not_valid_before.replace(tzinfo=UTC),
        leaf.not_valid_after.replace(tzinfo=UTC),
    )


def leaf_of(pem: bytes) -> x509.Certificate:
    """The leaf of a chain, which comes first (RFC 8446 section 4.4.2). Raises CertificateError."""
    begin = pem.find(BEGIN)
    if begin < 0:
        raise CertificateError("holds no certificate")
    try:
        return x509.load_pem_x509_certificate(pem[begin:])
    except ValueError as error:
        raise CertificateError(f"holds no readable certificate ({error})") from error


def left(chain: bytes) -> timedelta:
    """The time until the leaf ends. Raises CertificateError."""
    return validity(leaf_of(chain))[1] - datetime.now(UTC)


def why_unfit(chain: bytes, key: bytes, names: list[str]) -> str | None:
    """Say why a chain must not be served with this key now, or None when all is well."""
    try:
        leaf = leaf_of(chain)
        if spki(leaf.public_key()) != key_spki(key):
            return "is for another key"
    except CertificateError as error:
        return str(error)
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        held = {name.lower() for name in san.get_values_for_type(x509.DNSName)}
    except x509.ExtensionNotFound:
        held = set()
    # A wildcard stands for one label (RFC 9525 section 6.3).
    missing = [name for name in names if not {name, f"*.{name.partition('.')[2]}"} & held]
    if missing:
        return f"is not for {', '.join(missing)}"
    begin, end = validity(leaf)
    if not begin - timedelta(seconds=AHEAD) <= datetime.now(UTC) < end:
        return f"is valid only from {begin} to {end}; look at this host's clock"
    return None


def why_broken(chain: bytes) -> str | None:
    """Say why the certificates of a chain do not lead from one to the next, or None.

    openssl-verify(1) does it, as cryptography before 40 cannot. Which root to trust is the clients'
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
            return f"has a chain that does not hold together ({why or 'openssl verify says no'})"
    return None


def why_due(served: bytes | None, key: bytes, config: dict[str, Any]) -> str | None:
    """Say why what is served must be replaced, or None while it is good."""
    if served is None:
        return "there is none yet"
    reason = why_unfit(served, key, config["names"])
    if reason is None:
        begin, end = validity(leaf_of(served))
        # A third of the lifetime is the most: a certificate of six days is not due on its first.
        margin = min(timedelta(days=config["renew_days"]), (end - begin) / 3)
        if left(served) < margin:
            reason = f"ends in {left(served).days} days"
    return reason and f"the one in service {reason}"
