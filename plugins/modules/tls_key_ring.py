#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_key_ring
short_description: Maintain a current and a next TLS key for each algorithm
version_added: 0.1.0
description:
  - For each algorithm, generates the key in use (C(ecdsa-current.key)) and its successor
    (C(ecdsa-next.key)) if they are missing.
  - This allows TLSA records for both to be in DNS long before a rollover needs the second (RFC 7671
    section 8).
  - A key that was replaced by a rollover (C(ecdsa-previous.key)), or whose algorithm is no longer
    listed, is still returned for O(hold) seconds, so that its records stay until no client can be
    served with it. Then it is deleted.
  - Never overwrites a key. A key of the wrong type is an error; wrong permissions are corrected.
  - ECDSA keys use P-256, RSA keys have 3072 bits. All are PKCS#8 in PEM, readable only by root.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-cryptography on the mail host, except in check mode
options:
  path:
    description:
      - The directory of the keys. It is created if missing, but its parent must exist.
      - Its file C(ring.json) records since when a key has been out of use.
    type: path
    required: true
  algorithms:
    description: The algorithms.
    type: list
    elements: str
    choices: [ecdsa, rsa]
    default: [ecdsa, rsa]
  hold:
    description: Number of seconds for which a key that is out of use is still returned. Twice the
      TTL of the TLSA records is enough.
    type: int
    default: 7200
  provided:
    description:
      - Your own keys and chains, a dictionary by algorithm with C(key) and C(chain) in PEM. No keys
        are generated then.
      - A key that differs from the one in use becomes the next one. The chain is written to
        C(ecdsa-provided.pem).
    type: dict
    default: {}
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Works before python3-cryptography is installed.
  diff_mode:
    details: Shows type, role and fingerprint, never a key.
  idempotent:
    details: Existing keys are not changed.
"""

EXAMPLES = r"""
- name: Generate the TLS keys of the mail server
  pillarbox.mail.tls_key_ring:
    path: /etc/pillarbox/tls
  register: tls

- name: Show the digests to pin
  ansible.builtin.debug:
    msg: "{{ tls.tls_keys | map(attribute='spki_sha256') }}"
"""

RETURN = r"""
tls_keys:
  description: The public keys that belong into TLSA records.
  returned: success
  type: list
  elements: dict
  contains:
    algorithm:
      description: The algorithm.
      type: str
      sample: ecdsa
    role:
      description: V(current), V(next) or V(previous).
      type: str
      sample: current
    path:
      description: The file of the key.
      type: str
      sample: /etc/pillarbox/tls/ecdsa-current.key
    public_key:
      description: The SubjectPublicKeyInfo in PEM. V(null) in check mode if the key does not exist
        yet.
      type: str
      sample: "-----BEGIN PUBLIC KEY-----\n…"
    spki_sha256:
      description: The SHA-256 of the SubjectPublicKeyInfo in hexadecimal, or V(null).
      type: str
      sample: 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6
"""

import contextlib
import fcntl
import json
import os
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._files import (
    FilesError,
    create_directory,
    create_file,
    read_file,
    replace_file,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import (
    KeysError,
    generate_tls_key,
    kind,
    load_private_key,
    private_pem,
    public_pem,
    spki_sha256,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.certificates import paired
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.key_ring import (
    ROLES,
    Slot,
    plan,
)

MADE = {"ecdsa": "secp256r1", "rsa": "RSA 3072"}
# A provided key may also be of these kinds.
TAKEN = {"ecdsa": ("secp256r1", "secp384r1"), "rsa": ("RSA 2048", "RSA 3072", "RSA 4096")}


def load(algorithm: str, pem: bytes, where: str, remedy: str) -> Any:
    """Return the key in a PEM. Raises KeysError for one of another algorithm or size."""
    try:
        key = load_private_key(pem)
    except (FilesError, KeysError) as error:
        raise KeysError(f"{where} {error}: {remedy}") from error
    if kind(key) not in TAKEN[algorithm]:
        raise KeysError(
            f"{where} is a key of the kind {kind(key)}, not {MADE[algorithm]}: {remedy}"
        )
    return key


def provided_keys(module: AnsibleModule) -> dict[str, Any] | None:
    """Return the user's own keys by algorithm, None if there are none."""
    provided = module.params["provided"]
    if not provided:
        return None
    keys = {}
    for algorithm in module.params["algorithms"]:
        if not {"key", "chain"} <= set(provided.get(algorithm) or ()):
            raise KeysError(
                f"provided has no key and chain for {algorithm}: add them, or remove it from"
                " algorithms"
            )
        where = f"provided.{algorithm}.key"
        keys[algorithm] = load(
            algorithm,
            provided[algorithm]["key"].encode(),
            where,
            "provide the certificate's own key",
        )
    return keys


def protect(
    module: AnsibleModule, path: str, mode: str, diff: dict[str, Any] | None = None
) -> bool:
    """Set root as the owner, and this mode; return whether that changes anything."""
    owner = {"owner": "root", "group": "root", "mode": mode}
    attributes = module.load_file_common_arguments(owner, path=path)
    changed: bool = module.set_fs_attributes_if_different(attributes, False, diff)
    return changed


def lent(ring: str, algorithms: list[str]) -> list[str]:
    """Return the algorithms to keep in service until each wanted one has a certificate."""
    own = paired(ring)
    return [] if set(algorithms) <= set(own) else own


def run(module: AnsibleModule) -> dict[str, Any]:
    """Apply the wanted state to the ring."""
    ring: str = module.params["path"]
    memory_file = os.path.join(ring, "ring.json")

    def key_file(slot: Slot) -> str:
        return os.path.join(ring, "-".join(slot) + ".key")

    def private(path: str) -> None:
        protect(module, path, "0600")

    own = provided_keys(module)
    before: dict[Slot, Any] = {}
    for slot in ((algorithm, role) for algorithm in MADE for role in ROLES):
        pem = read_file(key_file(slot))
        if pem is not None:
            remedy = "it was left alone; move it away to get a new key"
            before[slot] = load(slot[0], pem, key_file(slot), remedy)
    memory: dict[str, Any] = json.loads(read_file(memory_file) or "{}")
    todo = plan(
        {slot: spki_sha256(key.public_key()) for slot, key in before.items()},
        module.params["algorithms"],
        memory.get("retired", {}),
        module.params["hold"],
        datetime.now(UTC).replace(microsecond=0),
        own and {algorithm: spki_sha256(key.public_key()) for algorithm, key in own.items()},
        lent(ring, module.params["algorithms"]),
    )
    chains = {
        os.path.join(ring, f"{algorithm}-provided.pem"): module.params["provided"][algorithm][
            "chain"
        ]
        for algorithm in own or ()
    }
    stale = [path for path, chain in chains.items() if read_file(path) != chain.encode()]
    after = {slot: key for slot, key in before.items() if slot not in todo.drop}
    after.update({slot: own[slot[0]] if own else None for slot in todo.make})
    if not module.check_mode:
        for slot in todo.make:
            # A provided key may replace one that was never in use.
            after[slot] = after[slot] or generate_tls_key(slot[0])
            write = replace_file if own else create_file
            write(key_file(slot), private_pem(after[slot]), private)
        for path in stale:
            replace_file(path, chains[path].encode(), private)
        if todo.retired != memory.get("retired", {}):
            memory["retired"] = todo.retired
            replace_file(memory_file, json.dumps(memory, indent=2).encode() + b"\n", private)
        for slot in todo.drop:
            os.unlink(key_file(slot))
            if slot[1] == "current":
                # The algorithm is not in service any more; its PEM file contains the key too.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(ring, f"{slot[0]}.pem"))

    def facts(keys: dict[Slot, Any], chains: list[str]) -> str:
        lines = [
            f"{key_file(slot)}: {spki_sha256(key.public_key()) if key else 'a new key'}\n"
            for slot, key in sorted(keys.items())
        ]
        return "".join(lines + [f"{path}: as provided\n" for path in chains])

    diffs: list[dict[str, Any]] = [
        {
            "before": facts(before, [path for path in chains if path not in stale]),
            "after": facts(after, list(chains)),
        }
    ]
    changed = bool(todo.make or todo.drop or stale)
    for path in [ring, *map(key_file, after), *chains]:
        diff: dict[str, Any] = {}
        changed = protect(module, path, "0700" if path == ring else "0600", diff) or changed
        if diff.get("before") != diff.get("after"):
            diffs.append(diff)
    keys = [
        {
            "algorithm": slot[0],
            "role": slot[1],
            "path": key_file(slot),
            "public_key": public_pem(after[slot].public_key()) if after[slot] else None,
            "spki_sha256": spki_sha256(after[slot].public_key()) if after[slot] else None,
        }
        for slot in todo.publish
    ]
    return {"changed": changed, "tls_keys": keys, "diff": diffs}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "algorithms": {
                "type": "list",
                "elements": "str",
                "choices": ["ecdsa", "rsa"],
                "default": ["ecdsa", "rsa"],
            },
            "hold": {"type": "int", "default": 7200},
            "provided": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    ring = module.params["path"]
    try:
        if module.check_mode:
            module.exit_json(**run(module))
        if not os.path.isdir(ring):
            create_directory(ring, lambda path: protect(module, path, "0700"))
        os.umask(0o077)
        with open(os.path.join(ring, ".lock"), "w", encoding="utf-8") as lock:
            # "pillarbox certificates renew", which the timer starts, changes the same files.
            fcntl.flock(lock, fcntl.LOCK_EX)
            result = run(module)
        module.exit_json(**result)
    except (FilesError, KeysError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
