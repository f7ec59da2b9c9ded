# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: scrypt_password
short_description: The hash of a password, as crypt(3) verifies it
version_added: 0.1.0
description:
  - Returns a hash by scrypt, C($7$) in crypt(5), for programs such as nginx that verify passwords
    with the C library. It is the same for the same input, so that an unchanged password does not
    change a file.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description: The password.
    type: str
    required: true
  salt:
    description: What makes the hash differ from that of the same password elsewhere, such as the
      names of host and setting. It need not be secret.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the line of a file for auth_basic_user_file of nginx
  ansible.builtin.debug:
    msg: status:{{ 'correct horse' | pillarbox.mail.scrypt_password('mx.example.org status') }}
"""

RETURN = r"""
_value:
  description: The hash.
  type: str
"""

import hashlib
from collections.abc import Callable
from typing import Any

# N is 2 ** 12: nginx verifies the password of each request, which takes it 10 ms and 4 MB.
LOG_N = 12
R = 8
P = 1
SIZE = 32
# Of libxcrypt, lib/alg-yescrypt-common.c.
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def scrypt_password(password: str, salt: str) -> str:
    salted = hashlib.blake2b(salt.encode(), digest_size=16).hexdigest()
    key = hashlib.scrypt(password.encode(), salt=salted.encode(), n=2**LOG_N, r=R, p=P, dklen=SIZE)
    return f"$7${ALPHABET[LOG_N]}{_number(R)}{_number(P)}{salted}${_encoded(key)}"


def _number(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 63] for shift in range(0, 30, 6))


def _encoded(data: bytes) -> str:
    """Return three bytes in four characters each, the lowest bits first."""
    bits = int.from_bytes(data, "little")
    return "".join(ALPHABET[bits >> shift & 63] for shift in range(0, len(data) * 8, 6))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"scrypt_password": scrypt_password}
