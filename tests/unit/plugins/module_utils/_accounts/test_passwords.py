# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords and hashes are accepted."""

from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.passwd import (
    hash_fault,
    password_fault,
)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "is empty"),
        (12345, "must be a string"),
        (None, "must be a string"),
        ("secret\n", "line break"),
        ("sec\0ret", "control character"),
    ],
)
def test_refuses_passwords_nobody_can_type(password: object, reason: str) -> None:
    fault = password_fault(password)
    assert fault
    assert reason in fault


@pytest.mark.parametrize("password", ["x", "correct horse battery staple", "pässwörd", "a:b{c}"])
def test_accepts_any_other_password(password: str) -> None:
    assert password_fault(password) is None


@pytest.mark.parametrize(
    "stored",
    [
        "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA",
        "{argon2id}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA",
        "{BLF-CRYPT}$2y$05$11ipvo5dR6CwkzwmhwM26OXgzXwhV2PyPuLV.Qi31ILcRcThQpEiW",
        "{SHA512-CRYPT}$6$salt$hash",
        "{SHA256-CRYPT}$5$salt$hash",
    ],
)
def test_accepts_hashes_that_resist_guessing(stored: str) -> None:
    assert hash_fault(stored) is None


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA", "must start with its scheme"),
        ("", "must start with its scheme"),
        (None, "must be a string"),
        ("{PLAIN}hunter2", "scheme PLAIN, which is weak"),
        ("{CLEAR}hunter2", "scheme CLEAR, which is weak"),
        ("{LDAP-MD5}hunter2", "scheme LDAP-MD5, which is weak"),
        ("{SSHA}hunter2", "scheme SSHA, which is weak"),
        ("{CRYPT}hunter2", "scheme CRYPT, which is weak or of unknown strength"),
        ("{ARGON2ID}hunter2", "is not a hash of scheme ARGON2ID"),
        ("{SHA512-CRYPT}$5$hunter2", "is not a hash of scheme SHA512-CRYPT"),
        ("{SHA512-CRYPT}$6$hunter2:x", "contains a colon"),
        ("{SHA512-CRYPT}$6$hunter2\n", "line break"),
    ],
)
def test_refuses_other_hashes_without_showing_them(stored: object, reason: str) -> None:
    fault = hash_fault(stored)
    assert fault
    assert reason in fault
    assert "hunter2" not in fault
    assert "ARGON2ID, ARGON2I, BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT" in fault
