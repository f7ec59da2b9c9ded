# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes for Rspamd; tests/lab/web/ has Rspamd accept them."""

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.pillarbox.mail.plugins.filter import rspamd_password as module
from ansible_collections.pillarbox.mail.plugins.filter.rspamd_password import rspamd_password


def decoded(text: str) -> bytes:
    bits = 0
    for character in reversed(text):
        bits = bits << 5 | module.ALPHABET.index(character)
    return bits.to_bytes(len(text) * 5 // 8, "little")


@pytest.mark.parametrize(
    "stored",
    [
        # By rspamadm pw -q -e -t pbkdf2 -p test12345, version 3.12.1.
        "$1$xyeybmk8ak48eyd4hfa75pyq443my7jg$8uhyspmg98yibhzfct51xtubucx1mgpshts1r13g7tccekf6i8iy",
        "$1$ja3wji3i4bqxmq1onekkx3gs9u8c8iro$wbaqi5cb8zywgry67nnm748iphg686wrp83u5788bc86oadqks7y",
    ],
)
def test_the_key_is_that_of_rspamadm(stored: str) -> None:
    _none, number, salt, key = stored.split("$")
    assert int(number) == module.ID
    assert module._encoded(module._pbkdf2(b"test12345", decoded(salt))) == key


def test_the_hash_depends_on_password_and_salt_only() -> None:
    stored = rspamd_password("correct horse", "mx.example.org")
    assert rspamd_password("correct horse", "mx.example.org") == stored
    assert rspamd_password("correct horse", "mx.example.net") != stored
    assert rspamd_password("correct house", "mx.example.org") != stored


def test_no_password_has_a_hash_of_the_same_form() -> None:
    form = r"\$1\$[a-z1-9]{32}\$[a-z1-9]{52}"
    assert re.fullmatch(form, rspamd_password("correct horse", "mx.example.org"))
    assert re.fullmatch(form, rspamd_password("", "mx.example.org"))


def test_a_longer_password_than_the_hash_can_take_is_an_error() -> None:
    rspamd_password("x" * 64, "mx.example.org")
    with pytest.raises(AnsibleFilterError, match="longer than 64 bytes"):
        rspamd_password("x" * 65, "mx.example.org")
