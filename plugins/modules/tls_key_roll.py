#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_key_roll
short_description: Put the next TLS keys in service
version_added: 0.1.0
description:
  - Obtains certificates for the next keys of the ring that M(pillarbox.mail.tls_key_ring)
    maintains, puts them in service, and makes these keys the current ones.
  - Fails, and changes nothing, while senders may still have cached TLSA records without these keys.
    The records must have been on all authoritative name servers for twice their TTL (RFC 7671
    section 8.1).
  - Runs C(pillarbox certificates roll) on the host. The role P(pillarbox.mail.base#role) installs
    the program, P(pillarbox.mail.acme_sh#role) configures it.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  compromised:
    description:
      - Whether the current keys were stolen. The module then does not wait, and the records of the
        former keys are withdrawn at once.
      - Senders with cached records that lack the new keys defer their mail until these expire, at
        most for one TTL.
    type: bool
    default: false
  wait:
    description: Maximum number of seconds to wait until the keys may be served.
    type: int
    default: 0
  program:
    description: Path of the program C(pillarbox).
    type: path
    default: /usr/local/sbin/pillarbox
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts the rollover, or fails as a real run would.
  diff_mode:
    details: Shows the SHA-256 of the keys in service.
  idempotent:
    description: A second run makes another change.
    support: none
    details: Each run is a rollover, which must wait for the TTL of its keys' records.
"""

EXAMPLES = r"""
- name: Roll over the TLS keys as soon as it is safe
  pillarbox.mail.tls_key_roll:
    wait: 7200

- name: Generate the keys after the next
  pillarbox.mail.tls_key_ring:
    path: /etc/pillarbox/tls
"""

RETURN = r"""
rolled:
  description: The SHA-256 of the former and the new key in service, by algorithm.
  returned: success
  type: dict
  sample: {"ecdsa": {"current": "0c72ac70…", "next": "8f3b2d41…"}}
"""

import json
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "compromised": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 0},
            "program": {"type": "path", "default": "/usr/local/sbin/pillarbox"},
        },
        supports_check_mode=True,
    )
    command = [module.params["program"], "certificates", "roll"]
    command += ["--check"] if module.check_mode else []
    command += ["--compromised"] if module.params["compromised"] else []
    deadline = time.monotonic() + (0 if module.check_mode else module.params["wait"])
    rc, out, err = module.run_command(command)
    while rc == TOO_EARLY and time.monotonic() < deadline:
        time.sleep(5)
        rc, out, err = module.run_command(command)
    if rc != 0:
        module.fail_json(msg=err.strip() or f"{module.params['program']} failed with status {rc}")
    report: dict[str, Any] = json.loads(out)
    for text in report.pop("warnings"):
        module.warn(text)
    diff = {
        state: "".join(f"{name}: {keys[role]}\n" for name, keys in report["rolled"].items())
        for state, role in (("before", "current"), ("after", "next"))
    }
    module.exit_json(changed=True, diff=diff, **report)


# The program's exit status while a key may not be served yet.
TOO_EARLY = 3

if __name__ == "__main__":
    main()
