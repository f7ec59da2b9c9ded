#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tlsa_info
short_description: Compute TLSA records from certificates and keys
version_added: 0.1.0
description:
  - Reads certificates, chains, keys, or keys with their chains, and returns the TLSA records (RFC
    6698) of the services that use them. Changes nothing.
  - The default is C(3 1 1) and C(3 1 2), digests of the public key, which remain valid when a
    certificate is renewed with the same key. RFC 7671 section 2 advises against publishing SHA-512
    alone.
author:
  - The pillarbox.mail developers (@pillarbox)
requirements:
  - python3-cryptography on the host that runs the module
options:
  path:
    description:
      - Files to read, in PEM or DER. Of a chain, the first certificate is used.
      - Include the current and the next key of each algorithm to get records for a rollover.
    type: list
    elements: path
  content:
    description: The same as a single text in PEM.
    type: str
  host:
    description: The name of the server to which clients connect, as A-labels or U-labels.
    type: str
    required: true
  ports:
    description: The ports of its services.
    type: list
    elements: int
    required: true
  protocol:
    description: The transport protocol of the services.
    type: str
    choices: [tcp, udp, sctp]
    default: tcp
  usage:
    description:
      - V(3) (DANE-EE) pins the certificate or key of the server itself.
      - V(2) (DANE-TA) pins a CA, and requires its certificate.
      - Usages 0 and 1 are not for mail (RFC 7672 section 3.1.3).
    type: int
    choices: [2, 3]
    default: 3
  selector:
    description:
      - V(1) is for the public key.
      - V(0) is for the full certificate. With O(usage=3), such a record becomes invalid with each
        renewal.
    type: int
    choices: [0, 1]
    default: 1
  matching_types:
    description: V(1) is SHA-256, V(2) is SHA-512.
    type: list
    elements: int
    choices: [1, 2]
    default: [1, 2]
extends_documentation_fragment: [pillarbox.mail.attributes.info]
"""

EXAMPLES = r"""
- name: Compute the records of a mail server with two kinds of certificate
  pillarbox.mail.tlsa_info:
    path:
      - /etc/pillarbox/tls/ecdsa.pem
      - /etc/pillarbox/tls/rsa.pem
    host: mx.example.org
    ports: [25, 465, 993]
  register: tlsa
"""

RETURN = r"""
records:
  description: The records, sorted, without duplicates.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the record, without a final dot.
      type: str
      sample: _25._tcp.mx.example.org
    type:
      description: Always V(TLSA).
      type: str
      sample: TLSA
    value:
      description: Usage, selector, matching type and digest, as in a zone file.
      type: str
      sample: 3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6
spki_sha256:
  description: The SHA-256 of each public key's SubjectPublicKeyInfo in hexadecimal, in the order
    of O(path).
  returned: success
  type: list
  elements: str
  sample: [0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6]
"""

import hashlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._files import FilesError, read_file
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.tlsa import (
    TlsaError,
    load,
    owner,
    rdata,
)


def sources(params: dict[str, Any]) -> dict[str, bytes]:
    """Return the data to read, keyed by its name for messages."""
    if params["content"] is not None:
        return {"content": params["content"].encode()}
    found = {path: read_file(path) for path in params["path"]}
    for path, data in found.items():
        if data is None:
            raise TlsaError(f"{path} does not exist: create the key or certificate first")
    return {path: data for path, data in found.items() if data is not None}


def compute(params: dict[str, Any]) -> dict[str, Any]:
    """Return the module's results."""
    host = domain_name(params["host"], underscore=True)
    for port in params["ports"]:
        if not 1 <= port <= 65535:
            raise TlsaError(f"ports: {port} is not a port (1 to 65535)")
    digests: list[str] = []
    values: set[str] = set()
    for name, data in sources(params).items():
        try:
            material = load(data)
            for matching_type in params["matching_types"]:
                values.add(rdata(material, params["usage"], params["selector"], matching_type))
        except TlsaError as error:
            raise TlsaError(f"{name} {error}") from error
        digests.append(hashlib.sha256(material.spki).hexdigest())
    records = [
        {"name": owner(host, port, params["protocol"]), "type": "TLSA", "value": value}
        for port in sorted(set(params["ports"]))
        for value in sorted(values)
    ]
    return {"records": records, "spki_sha256": digests}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "list", "elements": "path"},
            # It may contain a private key.
            "content": {"type": "str", "no_log": True},
            "host": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "int", "required": True},
            "protocol": {"type": "str", "choices": ["tcp", "udp", "sctp"], "default": "tcp"},
            "usage": {"type": "int", "choices": [2, 3], "default": 3},
            "selector": {"type": "int", "choices": [0, 1], "default": 1},
            "matching_types": {
                "type": "list",
                "elements": "int",
                "choices": [1, 2],
                "default": [1, 2],
            },
        },
        mutually_exclusive=[("path", "content")],
        required_one_of=[("path", "content")],
        supports_check_mode=True,
    )
    if 1 not in module.params["matching_types"]:
        module.warn(
            "Clients need not support SHA-512; without SHA-256 they may consider the records"
            " unusable (RFC 7671 section 2): add 1 to matching_types."
        )
    try:
        module.exit_json(changed=False, **compute(module.params))
    except (FilesError, KeysError, NamesError, TlsaError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
