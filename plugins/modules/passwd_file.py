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
  - Writes the logins of a mail server into a passwd-file for Dovecot, and hashes passwords with
    Argon2id.
  - A stored hash stays as long as the password still verifies against it, so that a run with the
    same passwords changes nothing.
  - The file holds no login but those in O(users).
  - Comment lines that begin with C(# seal) let a later run see at once that no password changed.
    Each is an Argon2id hash over the passwords of two or more accounts, and no easier to guess
    from than the others.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-argon2 on the mail host, where there is a password to hash or to verify
options:
  path:
    description: The file. Its directory must exist.
    type: path
    required: true
  users:
    description:
      - The logins, a dictionary keyed by the name, which is an account's address, or for one of its
        devices the address with C(+) and the device in it, as in C(alice+phone@example.org). They
        are written in lower case, domains in A-labels.
      - The value of each is a dictionary with either C(password), which is hashed, or
        C(password_hash), which is written as it is and begins with its scheme, as in
        C({ARGON2ID}$argon2id$…). With neither, no password opens it.
    type: dict
    required: true
  mode:
    description: Permissions of the file.
    type: raw
    default: "0640"
extends_documentation_fragment:
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    description: Verifies the passwords and hashes none. Works before python3-argon2 and the file
      are there.
  diff_mode:
    support: full
    description: Shows addresses, never a password or a hash.
  idempotent:
    support: full
    description: A hash is made again only when the password no longer verifies against it.
"""

EXAMPLES = r"""
- name: Write the accounts
  pillarbox.mail.passwd_file:
    path: /etc/dovecot/users
    owner: root
    group: dovecot
    users:
      alice@example.org:
        password: "{{ vault_alice }}"
      alice+phone@example.org:
        password: "{{ vault_alice_phone }}"
      bob@example.org:
        password_hash: "{{ vault_bob_hash }}"
"""

RETURN = r"""
added:
  description: Logins that are new in the file.
  returned: success
  type: list
  elements: str
  sample: [alice@example.org]
removed:
  description: Logins that were taken out of the file.
  returned: success
  type: list
  elements: str
  sample: []
updated:
  description: Logins whose password is another one than before.
  returned: success
  type: list
  elements: str
  sample: [bob@example.org]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import (
    KeysError,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, login
from ansible_collections.pillarbox.mail.plugins.module_utils._passwd import (
    LOCKED,
    Argon2id,
    PasswdError,
    PasswdFile,
    Update,
    hash_fault,
    password_fault,
)

_KEYS = ({"password"}, {"password_hash"})


def split_users(users: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the passwords and the hashes, each keyed by the normal form of the login."""
    passwords: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for name, account in users.items():
        user = login(name)
        if user in passwords or user in hashes:
            raise PasswdError(f"users: {user} is there twice, differing in case only; keep one")
        if not isinstance(account, dict) or set(account) not in (set(), *_KEYS):
            raise PasswdError(f"users: {user} needs one of password and password_hash, and no more")
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


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the file to the wanted state."""
    path = module.params["path"]
    passwords, given = split_users(module.params["users"])
    data = read_file(path)
    text = (data or b"").decode(errors="replace")
    current = PasswdFile.parse(text)
    update = Update(current, passwords, given, Argon2id())
    changed = data is None or update.needed or text != current.render()

    wanted = {**dict.fromkeys(passwords), **update.kept, **given}
    added = sorted(wanted.keys() - current.hashes.keys())
    removed = sorted(current.hashes.keys() - wanted.keys())
    updated = sorted(
        user
        for user in wanted.keys() & current.hashes.keys()
        if wanted[user] != current.hashes[user]
    )
    lines = [f"+ {user}" for user in added] + [f"- {user}" for user in removed]
    lines += [f"{user}: password changed" for user in updated]
    diff = [{"prepared": "".join(f"{line}\n" for line in [f"{path}:", *lines])}] if changed else []

    if changed and not module.check_mode:
        desired = update.result().render()

        def dress(temporary: str) -> None:
            attributes = module.load_file_common_arguments(module.params, path=temporary)
            module.set_fs_attributes_if_different({**attributes, "attributes": None}, True)

        replace_file(path, desired.encode(), dress)
        if read_file(path) != desired.encode():
            raise PasswdError(
                f"{path} was changed by somebody else while it was written; run again"
            )

    attributes_diff: dict[str, Any] = {}
    file_args = module.load_file_common_arguments(module.params, path=path)
    changed = module.set_fs_attributes_if_different(file_args, changed, attributes_diff)
    return {
        "changed": changed,
        "added": added,
        "removed": removed,
        "updated": updated,
        "diff": [*diff, attributes_diff],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "users": {"type": "dict", "required": True, "no_log": True},
            "mode": {"type": "raw", "default": "0640"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (KeysError, NamesError, PasswdError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
