#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dkim_key
short_description: Generate DKIM keys and return their DNS records
version_added: 0.1.0
description:
  - Generates the missing private keys, all of them in one call, and returns the TXT record of each.
  - Never overwrites a key. A key of the wrong type or size, or that cannot be read, is an error. To
    replace a key, add one with a new selector.
  - RSA keys are written as PEM, Ed25519 keys as their seed in base64, the one format that all
    versions of Rspamd read.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-cryptography on the mail host, except in check mode
options:
  keys:
    description: The keys.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The file. If its directory is missing, it is created with mode V(0750),
          O(owner) and O(group).
        type: path
        required: true
      domain:
        description: The signing domain, as A-labels or U-labels.
        type: str
        required: true
      selector:
        description: The selector, which is part of the name of the DNS record.
        type: str
        required: true
      type:
        description: The type of key.
        type: str
        choices: [rsa, ed25519]
        default: rsa
      size:
        description:
          - The bits of an RSA key. RFC 8301 recommends at least 2048; longer keys need larger DNS
            answers.
          - Ignored for O(keys[].type=ed25519).
        type: int
        choices: [2048, 3072, 4096]
        default: 2048
  state:
    description: Whether the files should exist.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description: Permissions of the files.
    type: raw
    default: "0640"
extends_documentation_fragment:
  - ansible.builtin.files
  - pillarbox.mail.attributes
attributes:
  check_mode:
    details: Works before python3-cryptography is installed.
  diff_mode:
    details: Shows type, size and fingerprint, never a key.
  idempotent:
    details: Existing keys are not changed.
"""

EXAMPLES = r"""
- name: Generate an RSA and an Ed25519 key for a domain
  pillarbox.mail.dkim_key:
    owner: root
    group: _rspamd
    keys:
      - path: /var/lib/rspamd/dkim/example.org.r1.key
        domain: example.org
        selector: r1
      - path: /var/lib/rspamd/dkim/example.org.e1.key
        domain: example.org
        selector: e1
        type: ed25519
  register: dkim

- name: Show the records to publish
  ansible.builtin.debug:
    msg: '{{ item.dns_name }} TXT "{{ item.dns_value }}"'
  loop: "{{ dkim.dkim_keys }}"
"""

RETURN = r"""
dkim_keys:
  description: The public keys, in the order of O(keys).
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      sample: /var/lib/rspamd/dkim/example.org.e1.key
    domain:
      description: The domain as A-labels.
      type: str
      sample: example.org
    selector:
      description: The selector.
      type: str
      sample: e1
    type:
      description: The type of key.
      type: str
      sample: ed25519
    size:
      description: The size in bits.
      type: int
      sample: 256
    dns_name:
      description: The name of the TXT record, without a final dot.
      type: str
      sample: e1._domainkey.example.org
    dns_value:
      description: The text of the TXT record, not yet split into strings. V(null) if there is no
        key.
      type: str
      sample: v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    fingerprint:
      description: The SHA-256 of the public key's SubjectPublicKeyInfo in hexadecimal, or V(null).
      type: str
      sample: 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9
records:
  description: The records of the keys that exist, as M(pillarbox.mail.dns_records) takes them.
  returned: success
  type: list
  elements: dict
  sample:
    - name: e1._domainkey.example.org
      type: TXT
      values: [v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=]
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.files import ensure_keys
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import DkimError
from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.wanted import (
    describe,
    normalise,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._files import FilesError
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError


def remove(module: AnsibleModule, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply state=absent."""
    existing = [key["path"] for key in wanted if os.path.lexists(key["path"])]
    if not module.check_mode:
        for path in existing:
            try:
                os.unlink(path)
            except OSError as error:
                raise KeysError(f"{path} cannot be removed: {error.strerror}") from error
    return {
        "changed": bool(existing),
        "dkim_keys": [describe(key, None) for key in wanted],
        "records": [],
        "diff": {"before": "".join(f"{path}\n" for path in existing), "after": ""},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "keys": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "no_log": False,
                "options": {
                    "path": {"type": "path", "required": True},
                    "domain": {"type": "str", "required": True},
                    "selector": {"type": "str", "required": True},
                    "type": {"type": "str", "choices": ["rsa", "ed25519"], "default": "rsa"},
                    "size": {"type": "int", "choices": [2048, 3072, 4096], "default": 2048},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "mode": {"type": "raw", "default": "0640"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        wanted = normalise(module.params["keys"])
        if module.params["state"] == "present":
            module.exit_json(**ensure_keys(module, wanted, module.params))
        module.exit_json(**remove(module, wanted))
    except (FilesError, DkimError, KeysError, NamesError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
