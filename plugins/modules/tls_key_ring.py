#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_key_ring
short_description: Keep a current and a next TLS key for each algorithm
version_added: 0.1.0
description:
  - For each algorithm, makes what is missing of a key in use (C(ecdsa-current.key)), its successor
    (C(ecdsa-next.key)) and a certificate signing request for the one in use (C(ecdsa-current.csr)).
  - TLSA records for both keys can then be in DNS long before a rollover needs the second (RFC 7671
    section 8).
  - Never overwrites a key. One of the wrong type is an error; wrong permissions are put right.
  - ECDSA keys are on P-256, RSA keys have 3072 bits. All are PKCS#8 in PEM, and only root can read
    them.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-cryptography on the mail host, where there is a key to read or to make
options:
  path:
    description: The directory of the keys. If it is missing it is made, but its own parent must
      exist.
    type: path
    required: true
  algorithms:
    description: The algorithms. The files of one that is not in the list are left alone.
    type: list
    elements: str
    choices: [ecdsa, rsa]
    default: [ecdsa, rsa]
  names:
    description:
      - The DNS names of the certificates, in A-labels or U-labels.
      - A request is written again only when it does not fit these names or its key. The first is
        the common name as well, unless it has more than 64 characters.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Works before python3-cryptography is installed as long as there is no key to read.
  diff_mode:
    support: full
    description: Shows type, fingerprint and names, never a key.
  idempotent:
    support: full
    description: Keys stay as they are, and requests as long as they fit.
"""

EXAMPLES = r"""
- name: Have the keys of the mail server's certificates
  pillarbox.mail.tls_key_ring:
    path: /etc/pillarbox/tls/keys
    names: [mx.example.org]
  register: tls

- name: Show what to pin
  ansible.builtin.debug:
    msg: "{{ tls.tls_keys | map(attribute='spki_sha256') }}"
"""

RETURN = r"""
tls_keys:
  description: All keys, without their private half.
  returned: success
  type: list
  elements: dict
  contains:
    algorithm:
      description: The algorithm.
      type: str
      sample: ecdsa
    role:
      description: V(current) or V(next).
      type: str
      sample: current
    path:
      description: The file of the key.
      type: str
      sample: /etc/pillarbox/tls/keys/ecdsa-current.key
    csr:
      description: The file of the certificate signing request. Only beside a current key.
      type: str
      sample: /etc/pillarbox/tls/keys/ecdsa-current.csr
    public_key:
      description: The SubjectPublicKeyInfo in PEM. V(null) in check mode when the key does not
        exist yet.
      type: str
      sample: "-----BEGIN PUBLIC KEY-----\n…"
    spki_sha256:
      description: The SHA-256 of the SubjectPublicKeyInfo in hexadecimal, or V(null).
      type: str
      sample: 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6
"""

import os
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._keys import (
    KeysError,
    create_directory,
    create_file,
    csr_fits,
    generate_tls_key,
    kind,
    load_private_key,
    make_csr,
    private_pem,
    public_pem,
    read_file,
    replace_file,
    spki_sha256,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name

if TYPE_CHECKING:
    from ansible_collections.pillarbox.mail.plugins.module_utils._keys import SigningKey

KINDS = {"ecdsa": "secp256r1", "rsa": "RSA 3072"}


def read(path: str, algorithm: str) -> SigningKey | None:
    """Return the key that is there, None if there is none; refuse one of another kind."""
    data = read_file(path)
    if data is None:
        return None
    try:
        key: Any = load_private_key(data)
    except KeysError as error:
        raise KeysError(
            f"{path} {error}: it was left alone; move it away to have a new key"
        ) from error
    if kind(key) != KINDS[algorithm]:
        raise KeysError(
            f"{path} is a key of the kind {kind(key)}, not {KINDS[algorithm]}: it was left alone;"
            " move it away to have a new key, which is served once its TLSA records are published"
        )
    signing_key: SigningKey = key
    return signing_key


def fits(path: str, key: SigningKey | None, names: list[str]) -> bool:
    """Whether the request is there and need not be written again."""
    data = read_file(path)
    return data is not None and key is not None and csr_fits(data, key, names)


def protect(
    module: AnsibleModule, path: str, mode: str, diff: dict[str, Any] | None = None
) -> bool:
    """Give a file to root with this mode; return whether that changes anything."""
    owner = {"owner": "root", "group": "root", "mode": mode}
    attributes = module.load_file_common_arguments(owner, path=path)
    changed: bool = module.set_fs_attributes_if_different(attributes, False, diff)
    return changed


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the ring to the wanted state."""
    ring = module.params["path"]
    names = [domain_name(name) for name in module.params["names"]]
    if not names:
        raise KeysError("names is empty; a certificate needs one at least, as in mx.example.org")
    algorithms = list(dict.fromkeys(module.params["algorithms"]))
    slots = [(algorithm, role) for algorithm in algorithms for role in ("current", "next")]
    key_path = {slot: os.path.join(ring, "-".join(slot) + ".key") for slot in slots}
    csr_path = {name: os.path.join(ring, f"{name}-current.csr") for name in algorithms}

    before = {slot: read(key_path[slot], slot[0]) for slot in slots}
    missing = [slot for slot in slots if before[slot] is None]
    stale = [a for a in algorithms if not fits(csr_path[a], before[a, "current"], names)]
    after = before
    if not module.check_mode:
        if not os.path.isdir(ring):
            create_directory(ring, lambda path: protect(module, path, "0700"))
        for slot in missing:
            pem = private_pem(generate_tls_key(slot[0]))
            create_file(key_path[slot], pem, lambda path: protect(module, path, "0600"))
        after = {slot: before[slot] or read(key_path[slot], slot[0]) for slot in slots}
        for algorithm in stale:
            key = after[algorithm, "current"]
            if key:
                csr = make_csr(key, names)
                replace_file(csr_path[algorithm], csr, lambda path: protect(module, path, "0644"))

    def facts(slot: tuple[str, str], key: SigningKey | None) -> str:
        digest = spki_sha256(key.public_key()) if key else "a new key"
        return f"{key_path[slot]}: {KINDS[slot[0]]} {digest}\n"

    def requests(paths: list[str]) -> str:
        return "".join(f"{path}: {', '.join(names)}\n" for path in paths)

    fitting = [csr_path[algorithm] for algorithm in algorithms if algorithm not in stale]
    diffs: list[dict[str, Any]] = [
        {
            "before": "".join(facts(slot, key) for slot, key in before.items() if key)
            + requests(fitting),
            "after": "".join(facts(slot, key) for slot, key in after.items())
            + requests(list(csr_path.values())),
        }
    ]
    changed = bool(missing or stale)
    modes = {ring: "0700"}
    modes.update(dict.fromkeys(key_path.values(), "0600"))
    modes.update(dict.fromkeys(csr_path.values(), "0644"))
    for path, mode in modes.items():
        diff: dict[str, Any] = {}
        changed = protect(module, path, mode, diff) or changed
        if diff.get("before") != diff.get("after"):
            diffs.append(diff)

    keys = [
        {
            "algorithm": slot[0],
            "role": slot[1],
            "path": key_path[slot],
            **({"csr": csr_path[slot[0]]} if slot[1] == "current" else {}),
            "public_key": public_pem(key.public_key()) if key else None,
            "spki_sha256": spki_sha256(key.public_key()) if key else None,
        }
        for slot, key in after.items()
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
            "names": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (KeysError, NamesError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
