# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash that nginx accepts: it passes passwords to crypt(3)."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.nginx_password import nginx_password

PASSWORD = "correct horse – ß"


def test_crypt_returns_the_same_hash() -> None:
    library = ctypes.util.find_library("crypt")
    if not library:
        pytest.skip("no libcrypt")
    crypt = ctypes.CDLL(library).crypt
    crypt.restype = ctypes.c_char_p
    stored = nginx_password(PASSWORD, "mx.example.org metrics")
    assert crypt(PASSWORD.encode(), stored.encode()).decode() == stored
    assert crypt(b"correct house", stored.encode()).decode() != stored


def test_the_hash_depends_on_password_and_salt_only() -> None:
    stored = nginx_password(PASSWORD, "mx.example.org")
    assert nginx_password(PASSWORD, "mx.example.org") == stored
    assert nginx_password(PASSWORD, "mx.example.net") != stored
    assert nginx_password("correct house", "mx.example.org") != stored
