#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_certificate
short_description: Issue and revoke client certificates
version_added: 0.1.0
description:
  - Maintains a certificate authority (CA) on the mail host and issues certificates to accounts. Its
    key is readable only by root and never leaves the host.
  - The file C(certificates.json) lists the valid certificates by fingerprint. One that is not
    listed, or revoked there, is refused from the next message on.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-cryptography on the mail host
options:
  path:
    description:
      - The directory of the CA. It is created if missing, but its parent must exist.
    type: path
    required: true
  hostname:
    description: The name of the mail server, which becomes part of the name of a new CA.
    type: str
    required: true
  account:
    description: The account whose certificate to issue or revoke. Without it, only the CA is
      created.
    type: str
  state:
    description:
      - V(present) issues a certificate if the account has no valid one.
      - V(absent) revokes all certificates of the account.
    type: str
    choices: [present, absent]
    default: present
  days:
    description: Number of days that a new certificate is valid.
    type: int
    default: 365
  export:
    description:
      - File on the host to which a new certificate and its key are written, in PKCS#12. The key is
        stored nowhere else.
    type: path
  passphrase:
    description: Password that encrypts this file, at least 12 characters.
    type: str
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Works before python3-cryptography is installed.
  diff_mode:
    details: Shows accounts and fingerprints, never a key.
  idempotent:
    details: An account with a valid certificate does not get another.
"""

EXAMPLES = r"""
- name: Create the CA for client certificates
  pillarbox.mail.client_certificate:
    path: /etc/pillarbox/clients
    hostname: mx.example.org

- name: Issue a certificate to Alice
  pillarbox.mail.client_certificate:
    path: /etc/pillarbox/clients
    hostname: mx.example.org
    account: alice@example.org
    export: /root/alice.p12
    passphrase: "{{ vault_alice_certificate }}"

- name: Revoke the certificates of Bob
  pillarbox.mail.client_certificate:
    path: /etc/pillarbox/clients
    hostname: mx.example.org
    account: bob@example.org
    state: absent
"""

RETURN = r"""
ca:
  description: The file with the CA's own certificate.
  returned: success
  type: str
  sample: /etc/pillarbox/clients/ca.pem
fingerprints:
  description: The SHA-256 of each valid certificate of the account. In check mode, a new one is
    not included.
  returned: success
  type: list
  elements: str
  sample: ["3F:0A:…"]
issued:
  description: Whether a certificate was issued.
  returned: success
  type: bool
  sample: true
"""

import os
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    require_cryptography,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.client_ca import (
    dump_issued,
    issue,
    load_issued,
    make_authority,
    valid,
)

# The password protects the key on its way; shorter ones can be guessed.
SHORTEST = 12


def protect(module: AnsibleModule, path: str, mode: str) -> bool:
    """Set root as the owner, and this mode; return whether that changes anything."""
    owner = {"owner": "root", "group": "root", "mode": mode}
    attributes = module.load_file_common_arguments(owner, path=path)
    changed: bool = module.set_fs_attributes_if_different(attributes, False)
    return changed


def check(params: dict[str, Any]) -> None:
    """Raise KeysError for invalid options."""
    if not params["account"] and params["state"] == "absent":
        raise KeysError("account is missing: name the account whose certificates to revoke")
    if params["passphrase"] is not None and len(params["passphrase"]) < SHORTEST:
        raise KeysError(f"passphrase is too short: use at least {SHORTEST} characters")
    if not 1 <= params["days"] <= 3650:
        raise KeysError("days must be from 1 to 3650")


def authority(module: AnsibleModule, now: datetime) -> tuple[tuple[bytes, bytes], bool]:
    """Return the CA's key and certificate, created if missing, and whether that was a change."""
    path = module.params["path"]
    key_file, certificate_file = os.path.join(path, "ca.key"), os.path.join(path, "ca.pem")
    key, certificate = read_file(key_file), read_file(certificate_file)
    if certificate is None:
        if module.check_mode:
            return (b"", b""), True
        key, certificate = make_authority(module.params["hostname"], now)
        if not os.path.isdir(path):
            create_directory(path, lambda made: protect(module, made, "0755"))
        # The certificate last: a key without a certificate was never used.
        replace_file(key_file, key, lambda made: protect(module, made, "0600"))
        replace_file(certificate_file, certificate, lambda made: protect(module, made, "0644"))
        return (key, certificate), True
    if key is None:
        raise KeysError(
            f"{key_file} is missing, but {certificate_file} exists: restore the key, or move"
            " ca.pem and certificates.json away to start over"
        )
    changed = [protect(module, key_file, "0600"), protect(module, certificate_file, "0644")]
    return (key, certificate), any(changed)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Apply the wanted state to the CA and the account's certificates."""
    params = module.params
    path, account = params["path"], params["account"]
    register = os.path.join(path, "certificates.json")
    now = datetime.now(UTC).replace(microsecond=0)
    if not module.check_mode:
        require_cryptography()
    pair, changed = authority(module, now)
    known = read_file(register)
    issued = load_issued(known)
    before = valid(issued, account, now) if account else []
    new = bool(account) and params["state"] == "present" and not before
    if new and not module.check_mode:
        if not params["export"] or not params["passphrase"]:
            raise KeysError(f"export and passphrase are missing: {account} has no certificate yet")
        certificate = issue(pair, account, now, params["days"], params["passphrase"])
        issued[certificate.fingerprint] = {
            "account": account,
            "until": certificate.until.isoformat(),
            "revoked": None,
        }
        replace_file(
            params["export"], certificate.pkcs12, lambda made: protect(module, made, "0600")
        )
    if params["state"] == "absent":
        for fingerprint in before:
            issued[fingerprint]["revoked"] = now.isoformat()
    if not module.check_mode and dump_issued(issued) != known:
        replace_file(register, dump_issued(issued), lambda made: protect(module, made, "0644"))
        changed = True
    after = valid(issued, account, now) if account else []
    lines = [f"{account}: {fingerprint}\n" for fingerprint in after]
    if new and module.check_mode:
        lines = [f"{account}: a new certificate\n"]
    return {
        "changed": changed or new or before != after or known is None,
        "ca": os.path.join(path, "ca.pem"),
        "fingerprints": after,
        "issued": new,
        "diff": {
            "before": "".join(f"{account}: {fingerprint}\n" for fingerprint in before),
            "after": "".join(lines),
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "hostname": {"type": "str", "required": True},
            "account": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "days": {"type": "int", "default": 365},
            "export": {"type": "path"},
            "passphrase": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    try:
        check(module.params)
        os.umask(0o077)
        module.exit_json(**run(module))
    except (FilesError, KeysError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
