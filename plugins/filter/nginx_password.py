# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: nginx_password
short_description: The hash of a password, as nginx and crypt(3) accept it
version_added: 0.1.0
description:
  - Returns the scrypt hash of a password in the form C($7$) of crypt(5), for nginx's
    C(auth_basic_user_file), the same for the same input, so that an unchanged password does not
    change a file.
  - nginx verifies the password at each request, so the hash takes a few milliseconds only. It is
    meant for long passwords that programs use.
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
- name: Show the line of a file of passwords
  ansible.builtin.debug:
    msg: "prometheus:{{ 'correct horse' | pillarbox.mail.nginx_password('mx.example.org') }}"
"""

RETURN = r"""
_value:
  description: The hash.
  type: str
"""

import hashlib
from collections.abc import Callable
from typing import Any

# Of crypt(3): the digits of base 64, of which the lowest comes first.
DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# 2^10 rounds with 1 MB of memory (RFC 7914).
LOG2_N = 10
R = 8
P = 1
SALT_SIZE = 16
KEY_SIZE = 32


def nginx_password(password: str, salt: str) -> str:
    salted = _digits(hashlib.blake2b(salt.encode(), digest_size=SALT_SIZE).digest())
    key = hashlib.scrypt(
        password.encode(), salt=salted.encode(), n=2**LOG2_N, r=R, p=P, dklen=KEY_SIZE
    )
    # Numbers have 30 bits each.
    numbers = _number(R, 5) + _number(P, 5)
    return f"$7${_number(LOG2_N, 1)}{numbers}{salted}${_digits(key)}"


def _digits(data: bytes) -> str:
    return _number(int.from_bytes(data, "little"), -(-8 * len(data) // 6))


def _number(value: int, length: int) -> str:
    return "".join(DIGITS[value >> 6 * place & 63] for place in range(length))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"nginx_password": nginx_password}
