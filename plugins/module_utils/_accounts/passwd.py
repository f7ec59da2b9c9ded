# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot's passwd-file: hashes, and a quick proof that no password changed.

This module util is PRIVATE to the collection.

Verifying a password takes 0.1 s by design, so 10,000 of them would take a quarter of an hour on
every run. A digest of each password would be quick to compare, and as quick to guess against;
hence *seals*. A seal is one Argon2id hash over the addresses, passwords and stored hashes of a
whole group of accounts, with its own salt and the cost of any stored hash. One verification proves
that nothing in the group changed.

A seal helps an attacker no more than the stored hashes beside it: testing a guess of one password
against it takes the same Argon2id computation, and all other passwords of the group. Only groups
of two accounts or more have one. Nothing faster than Argon2id is ever stored, except the verifiers
that SCRAM needs, if it is enabled; they have a file of their own, and are sealed as well.

Groups form a tree, by the leading hexadecimal digits of the address's SHA-256. The seal of the
empty prefix covers all accounts and is all that an unchanged run computes. Below a seal that fails,
the 16 groups of the next digit are tried, and in a group of at most 16 each password by itself:
one changed password among 10,000 accounts costs some 70 verifications. Seals are comment lines,
which Dovecot skips (db-passwd-file.c); editing the file by hand only makes the next run slower.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.scram import (
    new_verifier,
    verifies,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import passwd_keys

try:
    import argon2

    HAS_ARGON2 = True
except ImportError:
    HAS_ARGON2 = False

SCHEME = "{ARGON2ID}"
# As in shadow(5): no password matches this hash.
LOCKED = "{CRYPT}!"
# As doveadm pw -s ARGON2ID: 64 MiB, 3 passes, and one lane, as libsodium supports no more.
_MEMORY_KIB, _PASSES, _LANES = 65536, 3, 1
_GROUP = 16

# Strong schemes that both Dovecot 2.3 and 2.4 support, with the prefix of their hashes.
GOOD_SCHEMES = {
    "ARGON2ID": "$argon2id$",
    "ARGON2I": "$argon2i$",
    "BLF-CRYPT": "$2",
    "SHA512-CRYPT": "$6$",
    "SHA256-CRYPT": "$5$",
}
_HASH = re.compile(r"\{([A-Za-z0-9-]+)\}(.+)", re.DOTALL)


class PasswdError(Exception):
    """A password, a hash or a library cannot be used."""


def password_fault(password: object) -> str | None:
    """Return what is wrong with a password, without revealing it; None when it is usable."""
    if not isinstance(password, str):
        return "must be a string; put it in quotes"
    if not password:
        return "is empty"
    if any(ord(character) < 32 for character in password):
        # RFC 4616 section 2 forbids NUL, clients send none; a "|" block in YAML adds a line break.
        return "contains a line break or another control character, which a password cannot have"
    return None


def hash_fault(stored: object) -> str | None:
    """Return what is wrong with a password hash, without showing it; None when it is usable."""
    advice = f"make one with 'doveadm pw -s ARGON2ID' (accepted: {', '.join(GOOD_SCHEMES)})"
    if not isinstance(stored, str):
        return f"must be a string; {advice}"
    match = _HASH.fullmatch(stored)
    if not match:
        return f"must start with its scheme in braces, as in {SCHEME}$argon2id$…; {advice}"
    scheme, value = match.group(1).upper(), match.group(2)
    if scheme not in GOOD_SCHEMES:
        return f"has the scheme {scheme}, which is weak or of unknown strength; {advice}"
    if not value.startswith(GOOD_SCHEMES[scheme]):
        return (
            f"is not a hash of scheme {scheme}, which starts with {GOOD_SCHEMES[scheme]}; {advice}"
        )
    if ":" in value or not value.isascii() or not value.isprintable() or " " in value:
        return f"contains a colon, a space or a line break, which no {scheme} hash has; {advice}"
    return None


def account_of(login: str) -> str:
    """Return the account of a login; the login of a device contains +DEVICE."""
    local, _at, domain = login.rpartition("@")
    user, plus, _device = local.partition("+")
    return f"{user}@{domain}" if plus else login


class Hasher(Protocol):
    """Creates and verifies hashes; Argon2id is the one in use."""

    def hash(self, secret: bytes) -> str: ...
    def verify(self, stored: str, secret: bytes) -> bool: ...


class Argon2id:
    """Argon2id (RFC 9106) with Dovecot's parameters, by python3-argon2.

    Raises:
        PasswdError: that library is missing, at the first hash or verification.
    """

    def _hasher(self) -> argon2.PasswordHasher:
        if not HAS_ARGON2:
            raise PasswdError("Python's argon2 is missing on this host: install python3-argon2")
        return argon2.PasswordHasher(_PASSES, _MEMORY_KIB, _LANES, hash_len=32, salt_len=16)

    def hash(self, secret: bytes) -> str:
        """Return the hash in its usual text form ($argon2id$…)."""
        return self._hasher().hash(secret)

    def verify(self, stored: str, secret: bytes) -> bool:
        """Whether a hash has our parameters and matches this secret."""
        hasher = self._hasher()
        # The parameters first: a foreign hash could demand gigabytes of memory.
        try:
            return not hasher.check_needs_rehash(stored) and hasher.verify(stored, secret)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHash):
            return False


@dataclass
class PasswdFile:
    """The content of a passwd-file, and of the file with the SCRAM verifiers.

    Attributes:
        hashes: {SCHEME}hash by login.
        seals: seal by group prefix.
        verifiers: SCRAM verifier by login.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    seals: dict[str, str] = field(default_factory=dict)
    verifiers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, scram: str = "") -> PasswdFile:
        """Read the files; lines that render() would not write are skipped."""
        file = cls()
        for line in text.splitlines():
            name, second, third = [*line.split(":"), "", ""][:3]
            if name == "# seal":
                file.seals[second] = third
            elif not name.startswith("#") and second and "\\" not in name:
                file.hashes[name] = second
        if scram:
            file.verifiers = cls.parse(scram).hashes
        return file

    def render(self) -> str:
        """Return the text of the passwd-file, sorted."""
        seals = (f"# seal:{prefix}:{seal}\n" for prefix, seal in sorted(self.seals.items()))
        return "".join(seals) + _lines(self.hashes)

    def render_scram(self) -> str:
        """Return the text of the file with the verifiers, sorted."""
        return _lines(self.verifiers)


def _lines(secrets: Mapping[str, str]) -> str:
    """Return a line for each login; that of a device has its account in an extra field."""
    lines = []
    for login, stored in sorted(secrets.items()):
        account = account_of(login)
        extra = f"user={account}" if account != login else ""
        lines += [f"{key}:{stored}::::::{extra}\n" for key in passwd_keys(login)]
    return "".join(lines)


def _digits(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _children(group: list[str], prefix: str) -> dict[str, list[str]]:
    """Split a group by the next digit; one of at most _GROUP is not split further."""
    children: dict[str, list[str]] = {}
    if len(group) > _GROUP:
        for address in group:
            children.setdefault(_digits(address)[: len(prefix) + 1], []).append(address)
    return children


class Update:
    """Updates passwd-files to match the passwords, computing as few hashes as possible.

    Args:
        current: the files as they are.
        passwords: password by address, for all accounts that have one.
        given: {SCHEME}hash by address, for accounts with a hash instead of a password.
        hasher: how to hash and verify.
        scram: whether each password gets a SCRAM verifier too.

    Attributes:
        kept: the stored hashes (by address) that still match the passwords.
        kept_verifiers: the stored SCRAM verifiers that do.
        needed: whether the files must be written.
    """

    def __init__(
        self,
        current: PasswdFile,
        passwords: Mapping[str, str],
        given: Mapping[str, str],
        hasher: Hasher,
        scram: bool = False,
    ) -> None:
        self._current = current
        self._passwords = passwords
        self._given = given
        self._hasher = hasher
        self._scram = scram
        self._good_seals: set[str] = set()
        self._sealed: set[str] = set()
        ours = [a for a in passwords if current.hashes.get(a, "").startswith(SCHEME)]
        self.kept = {address: current.hashes[address] for address in self._verify(ours, "")}
        self.kept_verifiers = {
            address: stored
            for address, stored in current.verifiers.items()
            if scram and address in passwords and self._keeps(address, stored)
        }
        sealed = "" in self._good_seals if len(passwords) > 1 else not current.seals
        complete = sealed and len(self.kept) == len(passwords)
        same = {**self.kept, **given} == current.hashes
        scrams = len(passwords) if scram else 0
        same_verifiers = len(self.kept_verifiers) == len(current.verifiers) == scrams
        self.needed = not (complete and same and same_verifiers)

    def _verify(self, group: list[str], prefix: str) -> list[str]:
        seal = self._current.seals.get(prefix)
        if seal and self._hasher.verify(seal, self._message(group, self._current)):
            self._good_seals.add(prefix)
            self._sealed.update(group)
            return group
        children = _children(group, prefix)
        if children:
            return [a for p, child in children.items() for a in self._verify(child, p)]
        return [address for address in group if self._verify_one(address)]

    def _verify_one(self, address: str) -> bool:
        stored = self._current.hashes[address][len(SCHEME) :]
        return self._hasher.verify(stored, self._passwords[address].encode())

    def _keeps(self, address: str, verifier: str) -> bool:
        return address in self._sealed or verifies(verifier, self._passwords[address])

    def _message(self, group: list[str], file: PasswdFile) -> bytes:
        # An account without a verifier contributes the same as before SCRAM was supported.
        stored = {a: [v[a] for v in (file.hashes, file.verifiers) if a in v] for a in group}
        return json.dumps([[a, self._passwords[a], *stored[a]] for a in sorted(group)]).encode()

    def result(self) -> PasswdFile:
        """Return the updated files, with new passwords hashed and changed groups sealed."""
        new = [login for login in self._passwords if login not in self.kept]
        unverified = self._passwords.keys() - self.kept_verifiers if self._scram else ()
        # Argon2 releases the GIL, so hashes are computed on all processors.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(self._hasher.hash, [self._passwords[login].encode() for login in new])
            verifiers = pool.map(new_verifier, [self._passwords[u] for u in unverified])
            file = PasswdFile(
                {**self.kept, **{u: SCHEME + one for u, one in zip(new, made, strict=True)}},
                {},
                {**self.kept_verifiers, **dict(zip(unverified, verifiers, strict=True))},
            )
        file.seals = dict(self._seals(list(file.hashes), "", file))
        file.hashes.update(self._given)
        return file

    def _seals(self, group: list[str], prefix: str, file: PasswdFile) -> Iterator[tuple[str, str]]:
        if len(group) < 2 or (prefix and len(group) <= _GROUP):
            return
        # A seal that verified proves those below it as well, as long as no account was added.
        proved = any(prefix.startswith(good) for good in self._good_seals)
        before = self._current.verifiers
        same = all(a in self.kept and before.get(a) == file.verifiers.get(a) for a in group)
        if proved and prefix in self._current.seals and same:
            yield prefix, self._current.seals[prefix]
        else:
            yield prefix, self._hasher.hash(self._message(group, file))
        for child_prefix, child in _children(group, prefix).items():
            yield from self._seals(child, child_prefix, file)
