#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: passwd_file
short_description: Write Dovecot's passwd-file
version_added: 0.1.0
description:
  - Writes the logins of a mail server to a passwd-file for Dovecot, and hashes passwords with
    Argon2id.
  - A stored hash is kept as long as it matches the password, so that a run with the same passwords
    changes nothing.
  - The file contains no logins other than those in O(users).
  - Comment lines that begin with C(# seal) let a later run detect quickly that no password changed.
    Each is an Argon2id hash over the passwords of two or more accounts, and no easier to crack than
    the others.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-argon2 on the mail host, if there are passwords to hash or verify
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  users:
    description:
      - The logins as JSON text, an object keyed by login name. This is the address of an account,
        or for one of its devices the address with C(+) and the device, as in
        C(alice+phone@example.org). They are written in lower case, domains as A-labels.
      - Each value is an object with either C(password), which is hashed, or C(password_hash), which
        is written as it is and begins with its scheme, as in C({ARGON2ID}$argon2id$…). Without
        either, no password is accepted.
      - It is text because Ansible hides a text as a whole. In a dictionary, Ansible would censor
        each password wherever it occurs as a word, even in the names of accounts.
    type: str
    required: true
  scram_path:
    description:
      - A second file with a SCRAM-SHA-256 verifier (RFC 7677) for each C(password), if O(scram) is
        set. There is none for a C(password_hash), from which it cannot be computed.
      - Removed if O(scram) is not set.
    type: path
    version_added: 0.1.0
  scram:
    description: Whether to write O(scram_path).
    type: bool
    default: false
    version_added: 0.1.0
  mode:
    description: Permissions of the files.
    type: raw
    default: "0640"
extends_documentation_fragment:
  - ansible.builtin.files
  - pillarbox.mail.attributes
attributes:
  check_mode:
    details: Verifies passwords, but hashes none. Works before python3-argon2 is installed and the
      file exists.
  diff_mode:
    details: Shows addresses, never a password or a hash.
  idempotent:
    details: A password is hashed only if the stored hash does not match it.
"""

EXAMPLES = r"""
- name: Write the accounts
  pillarbox.mail.passwd_file:
    path: /etc/dovecot/users
    scram_path: /etc/dovecot/scram
    scram: true
    owner: root
    group: dovecot
    users: "{{ logins | to_json }}"
  vars:
    logins:
      alice@example.org:
        password: "{{ vault_alice }}"
      alice+phone@example.org:
        password: "{{ vault_alice_phone }}"
      bob@example.org:
        password_hash: "{{ vault_bob_hash }}"
"""

RETURN = r"""
added:
  description: Logins that were added to the file.
  returned: success
  type: list
  elements: str
  sample: [alice@example.org]
removed:
  description: Logins that were removed from the file.
  returned: success
  type: list
  elements: str
  sample: []
updated:
  description: Logins whose password changed.
  returned: success
  type: list
  elements: str
  sample: [bob@example.org]
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.passwd import (
    LOCKED,
    Argon2id,
    PasswdError,
    PasswdFile,
    Update,
    hash_fault,
    password_fault,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    read_file,
    replace_file,
    set_attributes,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, login

_KEYS = ({"password"}, {"password_hash"})


def parse_users(text: str) -> dict[str, Any]:
    """Parse the option users, without revealing its contents in errors."""
    try:
        users = json.loads(text)
    except ValueError:
        users = None
    if not isinstance(users, dict):
        raise PasswdError('users: is not a JSON object; write users: "{{ … | to_json }}"')
    return users


def split_users(users: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the passwords and the hashes, each keyed by the normalized login."""
    passwords: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for name, account in users.items():
        user = login(name)
        if user in passwords or user in hashes:
            raise PasswdError(f"users: {user} occurs twice, in different case; keep one")
        if not isinstance(account, dict) or set(account) not in (set(), *_KEYS):
            raise PasswdError(
                f"users: {user} needs one of password and password_hash, nothing else"
            )
        fault = None
        if "password" in account:
            passwords[user] = account["password"]
            fault = password_fault(account["password"])
        elif "password_hash" in account:
            hashes[user] = account["password_hash"]
            fault = hash_fault(account["password_hash"])
        else:
            hashes[user] = LOCKED
        if fault:
            raise PasswdError(f"users: {next(iter(account))} of {user} {fault}")
    return passwords, hashes


class Changes:
    """The changes to the logins in a file. None stands for a secret that is not computed yet."""

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str | None]) -> None:
        both = before.keys() & after.keys()
        self.added = sorted(after.keys() - before.keys())
        self.removed = sorted(before.keys() - after.keys())
        self.updated = sorted(login for login in both if after[login] != before[login])

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.updated)

    def diff(self, path: str) -> str:
        lines = [f"+ {login}" for login in self.added] + [f"- {login}" for login in self.removed]
        lines += [f"{login}: password changed" for login in self.updated]
        return "".join(f"{line}\n" for line in [f"{path}:", *lines])


def write(module: AnsibleModule, path: str, content: bytes) -> None:
    """Replace a file, and verify its content."""

    def dress(temporary: str) -> None:
        attributes = module.load_file_common_arguments(module.params, path=temporary)
        module.set_fs_attributes_if_different({**attributes, "attributes": None}, True)

    replace_file(path, content, dress)
    if read_file(path) != content:
        raise PasswdError(f"{path} was changed by another process while it was written; run again")


def run(module: AnsibleModule) -> dict[str, Any]:
    """Apply the wanted state to the files."""
    path, scram_path = module.params["path"], module.params["scram_path"]
    scram = module.params["scram"]
    if scram and not scram_path:
        raise PasswdError("scram requires scram_path, the file for the verifiers")
    passwords, given = split_users(parse_users(module.params["users"]))
    data = {file: read_file(file) for file in (path, scram_path) if file}
    text = {file: (content or b"").decode(errors="replace") for file, content in data.items()}
    current = PasswdFile.parse(text[path], text.get(scram_path, ""))
    update = Update(current, passwords, given, Argon2id(), scram)

    new = dict.fromkeys(passwords)
    logins = Changes(current.hashes, {**new, **update.kept, **given})
    verifiers = Changes(current.verifiers, {**new, **update.kept_verifiers} if scram else {})
    diff = []
    if data[path] is None or update.needed or text[path] != current.render():
        diff.append({"prepared": logins.diff(path)})
    there = data.get(scram_path) is not None
    same = there == scram and text.get(scram_path, "") == current.render_scram()
    if not same or verifiers:
        diff.append({"prepared": verifiers.diff(scram_path)})

    changed = bool(diff)
    if changed and not module.check_mode:
        desired = update.result()
        if scram:
            write(module, scram_path, desired.render_scram().encode())
        elif there:
            os.unlink(scram_path)
        write(module, path, desired.render().encode())

    for file in [path, *[scram_path] * scram]:
        attributes_diff: dict[str, Any] = {}
        file_args = module.load_file_common_arguments(module.params, path=file)
        changed = set_attributes(module, file_args, changed, attributes_diff)
        diff.append(attributes_diff)
    return {
        "changed": changed,
        "added": logins.added,
        "removed": logins.removed,
        "updated": logins.updated,
        "diff": diff,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "users": {"type": "str", "required": True, "no_log": True},
            "scram_path": {"type": "path"},
            "scram": {"type": "bool", "default": False},
            "mode": {"type": "raw", "default": "0640"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (FilesError, NamesError, PasswdError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
