# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes for nginx, which verifies them with the C library; so does this test."""

from __future__ import annotations

import ctypes
import ctypes.util
import re

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.scrypt_password import scrypt_password


def crypt(password: str, stored: str) -> str:
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    result: bytes = library.crypt(password.encode(), stored.encode())
    return result.decode()


@pytest.mark.parametrize("password", ["correct horse", "x" * 64, "pässwörter, viele"])
def test_the_c_library_accepts_the_password_and_no_other(password: str) -> None:
    stored = scrypt_password(password, "mx.example.org status")
    assert crypt(password, stored) == stored
    assert crypt(password + ".", stored) != stored


def test_the_hash_depends_on_password_and_salt_only() -> None:
    stored = scrypt_password("correct horse", "mx.example.org")
    assert re.fullmatch(r"\$7\$[./0-9A-Za-z]{11}[0-9a-f]{32}\$[./0-9A-Za-z]{43}", stored)
    assert scrypt_password("correct horse", "mx.example.org") == stored
    assert scrypt_password("correct horse", "mx.example.net") != stored
    assert scrypt_password("correct house", "mx.example.org") != stored
