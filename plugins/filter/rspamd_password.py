# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rspamd_password
short_description: The hash of a password, as Rspamd stores it
version_added: 0.1.0
description:
  - Returns what C(rspamadm pw -e -t pbkdf2) prints for the passwords of Rspamd's controller, but
    the same for the same input, so that an unchanged password does not change a file.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  _input:
    description:
      - The password, of at most 64 bytes.
      - For an empty one, the hash is well-formed, and no password matches it.
    type: str
    required: true
  salt:
    description: What makes the hash differ from that of the same password elsewhere, such as the
      names of host and setting. It need not be secret.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the line of a configuration
  ansible.builtin.debug:
    msg: password = "{{ 'correct horse' | pillarbox.mail.rspamd_password('mx.example.org') }}";
"""

RETURN = r"""
_value:
  description: The hash.
  type: str
"""

import hashlib
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

# As src/libcryptobox/cryptobox.c: the identifier of PBKDF2 with keyed BLAKE2b, and its parameters.
ID = 1
ROUNDS = 16000
SALT_SIZE = 20
KEY_SIZE = 32
# z-base-32. Rspamd's bits are in another order: those of the first byte come first, lowest first.
ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769"


def rspamd_password(password: str, salt: str) -> str:
    if len(password.encode()) > hashlib.blake2b.MAX_KEY_SIZE:
        raise AnsibleFilterError("rspamd_password: the password is longer than 64 bytes")
    salted = hashlib.blake2b(salt.encode(), digest_size=SALT_SIZE).digest()
    key = _pbkdf2(password.encode(), salted) if password else _nobodys(salt)
    return f"${ID}${_encoded(salted)}${_encoded(key)}"


def _pbkdf2(password: bytes, salt: bytes) -> bytes:
    block = hashlib.blake2b(salt + (1).to_bytes(4, "big"), key=password).digest()
    result = int.from_bytes(block, "big")
    for _round in range(ROUNDS - 1):
        block = hashlib.blake2b(block, key=password).digest()
        result ^= int.from_bytes(block, "big")
    return result.to_bytes(len(block), "big")[:KEY_SIZE]


def _nobodys(salt: str) -> bytes:
    """Return a key for which nobody can find a password."""
    return hashlib.blake2b(f"no password, {salt}".encode(), digest_size=KEY_SIZE).digest()


def _encoded(data: bytes) -> str:
    bits = int.from_bytes(data, "little")
    return "".join(ALPHABET[bits >> at & 31] for at in range(0, 8 * len(data), 5))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rspamd_password": rspamd_password}
