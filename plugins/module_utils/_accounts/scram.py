# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) in Dovecot's format.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata

SCHEME = "{SCRAM-SHA-256}"
# More iterations slow down guessing from a stolen file. Mail programs compute them at each login,
# and those with Cyrus SASL refuse more than this (MAX_ITERATION_COUNTER in its scram.c).
_ITERATIONS = 65536
_SALT_BYTES = 16
_VERIFIER = re.compile(rf"{re.escape(SCHEME)}{_ITERATIONS},([A-Za-z0-9+/=]+),[^,]+,[^,]+")


def new_verifier(password: str) -> str:
    """Return a verifier for a password, with a new salt."""
    return verifier(password, os.urandom(_SALT_BYTES))


def verifier(password: str, salt: bytes, iterations: int = _ITERATIONS) -> str:
    """Return {SCHEME}iterations,salt,StoredKey,ServerKey (RFC 5802 section 3)."""
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"{SCHEME}{iterations},{','.join(encoded)}"


def verifies(stored: str, password: str) -> bool:
    """Whether a verifier has our parameters and matches this password."""
    match = _VERIFIER.fullmatch(stored)
    if not match:
        return False
    try:
        expected = verifier(password, base64.b64decode(match.group(1), validate=True))
    except ValueError:
        return False
    return hmac.compare_digest(stored.encode(), expected.encode())


def _prepared(password: str) -> bytes:
    """Apply the mappings of SASLprep (RFC 4013); clients do not send what it prohibits."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.ucd_3_2_0.normalize("NFKC", mapped).encode()
