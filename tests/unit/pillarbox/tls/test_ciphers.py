# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of cipher suites."""

from __future__ import annotations

import subprocess

import pytest

from pillarbox.tls import ciphers


@pytest.mark.parametrize(
    ("name", "number"),
    [
        # RFC 8446 section B.4, RFC 5289, RFC 7905, RFC 5246 section A.5.
        ("TLS_AES_256_GCM_SHA384", "0x13,0x02"),
        ("TLS_CHACHA20_POLY1305_SHA256", "0x13,0x03"),
        ("ECDHE-RSA-AES256-GCM-SHA384", "0xC0,0x30"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", "0xCC,0xA9"),
        ("AES128-SHA", "0x00,0x2F"),
        ("ADH-AES256-GCM-SHA384", "0x00,0xA7"),
        ("NO-SUCH-CIPHER", ""),
    ],
)
def test_a_cipher_has_the_number_of_its_rfc(name: str, number: str) -> None:
    assert ciphers.number(name) == number


def test_the_numbers_are_those_that_openssl_prints() -> None:
    listed = subprocess.run(
        ["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = {line.split()[2]: line.split()[0] for line in listed.splitlines()}
    common = expected.keys() & ciphers.numbers().keys()
    assert len(common) > 30
    assert all(ciphers.number(name) == expected[name] for name in common)
