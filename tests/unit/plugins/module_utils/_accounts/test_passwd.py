# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import NamedTuple

import nacl.exceptions
import nacl.pwhash
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts import scram
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.passwd import (
    SCHEME,
    Argon2id,
    PasswdFile,
    Update,
)


class Counting:
    """A cheap and weak hasher that counts the operations that would take 0.1 s each."""

    def __init__(self) -> None:
        self.hashed = 0
        self.verified = 0

    def hash(self, secret: bytes) -> str:
        self.hashed += 1
        return f"$argon2id${self.hashed}${hashlib.sha256(secret).hexdigest()}"

    def verify(self, stored: str, secret: bytes) -> bool:
        self.verified += 1
        return stored.endswith("$" + hashlib.sha256(secret).hexdigest())


class Updated(NamedTuple):
    update: Update
    hasher: Counting
    text: str


def update(text: str, passwords: dict[str, str], given: dict[str, str] | None = None) -> Updated:
    """Update a passwd-file with this content."""
    hasher = Counting()
    result = Update(PasswdFile.parse(text), passwords, given or {}, hasher)
    return Updated(result, hasher, result.result().render())


class WithScram(NamedTuple):
    update: Update
    hasher: Counting
    file: PasswdFile


def update_scram(file: PasswdFile, passwords: dict[str, str], scram: bool = True) -> WithScram:
    """Update a passwd-file and the file with the verifiers."""
    hasher = Counting()
    current = PasswdFile.parse(file.render(), file.render_scram())
    result = Update(current, passwords, {}, hasher, scram)
    return WithScram(result, hasher, result.result())


def accounts(count: int) -> dict[str, str]:
    return {f"user{number}@example.org": f"password {number}" for number in range(count)}


def test_libsodium_verifies_our_hashes_as_dovecot_does() -> None:
    stored = Argon2id().hash("pässword".encode())
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert nacl.pwhash.verify(stored.encode(), "pässword".encode())
    with pytest.raises(nacl.exceptions.InvalidkeyError):
        nacl.pwhash.verify(stored.encode(), b"other")


def test_we_verify_the_hashes_of_libsodium() -> None:
    stored = nacl.pwhash.argon2id.str(b"password", opslimit=3, memlimit=65536 * 1024).decode()
    assert Argon2id().verify(stored.rstrip("\0"), b"password")
    assert not Argon2id().verify(stored.rstrip("\0"), b"other")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "$argon2id$v=19$m=65536,t=3,p=1$",
        # Correct for "password", but weaker than ours, or so costly that it would block the host.
        nacl.pwhash.argon2id.str(b"password", opslimit=1, memlimit=8192).decode().rstrip("\0"),
        "$argon2id$v=19$m=4194304,t=9999,p=1$c29tZXNhbHQAAAAAAAAAAA$" + "A" * 43,
    ],
    ids=["none", "half", "weak", "costly"],
)
def test_hashes_with_other_parameters_are_replaced(stored: str) -> None:
    assert not Argon2id().verify(stored, b"password")


def test_writes_lines_as_dovecot_reads_them() -> None:
    file = PasswdFile({"b@example.org": "{X}h", "a@example.org": "{ARGON2ID}$a"}, {"": "$s"})
    text = "# seal::$s\na@example.org:{ARGON2ID}$a::::::\nb@example.org:{X}h::::::\n"
    assert file.render() == text
    assert PasswdFile.parse(text) == file


def test_the_login_of_a_device_names_its_account() -> None:
    text = update("", {"a@example.org": "one", "a+phone@example.org": "two"}).text
    assert text.splitlines()[1].startswith("a+phone@example.org:{ARGON2ID}$")
    assert text.splitlines()[1].endswith("::::::user=a@example.org")
    result, hasher, new = update(text, {"a@example.org": "one", "a+phone@example.org": "three"})
    assert result.kept.keys() == {"a@example.org"}
    assert hasher.hashed == 1 + 1
    assert set(text.splitlines()[2:]) == set(new.splitlines()[2:])


def test_skips_lines_that_are_not_accounts() -> None:
    text = "# a comment: with colons\n\nno-password\na@example.org:{X}h:1:1::/home::quota=1\n"
    assert PasswdFile.parse(text).hashes == {"a@example.org": "{X}h"}


def test_the_first_run_hashes_every_password() -> None:
    result, hasher, text = update("", accounts(3))
    assert result.needed
    assert (hasher.verified, hasher.hashed) == (0, 3 + 1)
    assert list(PasswdFile.parse(text).hashes) == sorted(accounts(3))


@pytest.mark.parametrize("count", [0, 1, 2, 16, 17, 300, 10_000])
def test_a_run_without_changes_verifies_once(count: int) -> None:
    text = update("", accounts(count)).text
    result, hasher, again = update(text, accounts(count))
    assert not result.needed
    assert again == text
    assert (hasher.verified, hasher.hashed) == (min(count, 1), 0)


@pytest.mark.parametrize(
    ("change", "verifications", "hashes"),
    [
        ({"user77@example.org": "another"}, 120, 4),
        ({"new@example.org": "new"}, 1, 4),
        ({"user77@example.org": None}, 120, 3),
        ({f"user{n}@example.org": "another" for n in range(10)}, 800, 40),
    ],
    ids=["changed", "added", "removed", "ten changed"],
)
def test_a_change_among_many_stays_cheap(
    change: dict[str, str | None], verifications: int, hashes: int
) -> None:
    text = update("", accounts(10_000)).text
    wanted = {user: word for user, word in {**accounts(10_000), **change}.items() if word}
    result, hasher, new = update(text, wanted)
    assert result.needed
    assert hasher.verified <= verifications
    assert hasher.hashed <= hashes
    before, after = PasswdFile.parse(text).hashes, PasswdFile.parse(new).hashes
    assert after.keys() == wanted.keys()
    assert {user for user in before.keys() | after if before.get(user) != after.get(user)} == set(
        change
    )
    again, hasher, same = update(new, wanted)
    assert (again.needed, same, hasher.verified) == (False, new, 1)


def test_with_scram_a_run_without_changes_verifies_once_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = update_scram(PasswdFile(), accounts(20)).file
    assert file.verifiers.keys() == file.hashes.keys() == accounts(20).keys()
    # No verifier is computed either.
    monkeypatch.delattr(scram, "verifier")
    result, hasher, again = update_scram(file, accounts(20))
    assert not result.needed
    assert again == file
    assert (hasher.verified, hasher.hashed) == (1, 0)


def test_scram_is_switched_on_and_off_without_a_new_hash() -> None:
    plain = update_scram(PasswdFile(), accounts(20), scram=False).file
    result, hasher, file = update_scram(plain, accounts(20))
    assert result.needed and hasher.verified == 1
    assert (file.hashes, len(file.verifiers)) == (plain.hashes, 20)
    assert hasher.hashed == len(file.seals)
    result, hasher, off = update_scram(file, accounts(20), scram=False)
    assert result.needed and hasher.verified == 1
    assert (off.hashes, off.verifiers) == (plain.hashes, {})
    assert not update_scram(off, accounts(20), scram=False).update.needed


@pytest.mark.parametrize("lost", ["a hash", "a verifier", "a password"])
def test_with_scram_changed_entries_are_replaced_and_all_others_kept(lost: str) -> None:
    passwords, user = accounts(20), "user7@example.org"
    file = update_scram(PasswdFile(), passwords).file
    now = PasswdFile(dict(file.hashes), file.seals, dict(file.verifiers))
    if lost == "a password":
        passwords[user] = "another"
    elif lost == "a hash":
        del now.hashes[user]
    else:
        now.verifiers[user] = now.verifiers["user8@example.org"]
    result, _hasher, new = update_scram(now, passwords)
    assert result.needed
    for before, after in ((file.hashes, new.hashes), (file.verifiers, new.verifiers)):
        changed = {login for login in after if before[login] != after[login]}
        assert changed <= {user}
        assert changed or lost != "a password"
    assert scram.verifies(new.verifiers[user], passwords[user])
    assert not update_scram(new, passwords).update.needed


def test_few_seals_are_made_for_many_accounts() -> None:
    hasher = update("", accounts(10_000)).hasher
    assert hasher.hashed <= 10_300


def test_no_seal_covers_a_single_account() -> None:
    text = update("", accounts(1), {"bob@example.org": "{SHA512-CRYPT}$6$x"}).text
    assert PasswdFile.parse(text).seals == {}


def test_a_hash_changed_by_hand_is_put_right() -> None:
    text = update("", accounts(3)).text
    stored = PasswdFile.parse(text).hashes["user1@example.org"]
    result, _hasher, new = update(text.replace(stored, SCHEME + "$other"), accounts(3))
    assert result.needed
    assert result.kept.keys() == {"user0@example.org", "user2@example.org"}
    assert not update(new, accounts(3)).update.needed


def test_lost_seals_are_made_again_and_no_hash_is() -> None:
    text = update("", accounts(3)).text
    stripped = "".join(line for line in text.splitlines(True) if not line.startswith("#"))
    result, hasher, new = update(stripped, accounts(3))
    assert result.needed
    assert (hasher.verified, hasher.hashed) == (3, 1)
    assert PasswdFile.parse(new).hashes == PasswdFile.parse(text).hashes


def test_a_given_hash_is_written_as_it_is_and_never_computed() -> None:
    given = {"bob@example.org": "{SHA512-CRYPT}$6$salt$hash"}
    _update, hasher, text = update("", {}, given)
    assert text == "bob@example.org:{SHA512-CRYPT}$6$salt$hash::::::\n"
    assert not update(text, {}, given).update.needed
    assert (hasher.verified, hasher.hashed) == (0, 0)


def test_a_password_in_place_of_a_given_hash_is_hashed() -> None:
    text = update("", {}, {"bob@example.org": "{SHA512-CRYPT}$6$salt$hash"}).text
    result, hasher, new = update(text, {"bob@example.org": "secret"})
    assert result.needed
    assert (hasher.verified, hasher.hashed) == (0, 1)
    assert PasswdFile.parse(new).hashes["bob@example.org"].startswith(SCHEME)


def test_an_apostrophe_is_found_in_both_ways_in_which_dovecot_looks() -> None:
    """Dovecot lists accounts by the names in the file, and looks them up with a backslash."""
    passwords = {"o'brien@example.org": "secret", "o'brien+phone@example.org": "another"}
    first = update("", passwords)
    found = dict(line.split(":", 1) for line in first.text.splitlines() if line[0] != "#")
    assert found["o'brien@example.org"] == found[r"o\'brien@example.org"]
    assert found[r"o\'brien+phone@example.org"].endswith("::::::user=o'brien@example.org")
    again = update(first.text, passwords)
    assert (again.update.needed, again.text) == (False, first.text)
