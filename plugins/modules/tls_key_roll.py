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
  - Has certificates issued for the next keys of the ring that M(pillarbox.mail.tls_key_ring) keeps,
    serves them, and makes them the current ones.
  - Refuses, and changes nothing, as long as a sender may still know TLSA records without them. They
    must have been on all authoritative name servers for twice their TTL (RFC 7671 section 8.1).
  - Runs C(pillarbox certificates roll) on the host. The role P(pillarbox.mail.base#role) installs
    the program, P(pillarbox.mail.acme_sh#role) configures it.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  compromised:
    description:
      - Does not wait, and has the records of the former keys removed at once.
      - "The cost: a sender that still knows records without the new keys keeps its mail back until
        its copy of them ends, one TTL at most."
    type: bool
    default: false
  wait:
    description: For how many seconds at most to wait until the keys may be served.
    type: int
    default: 0
  program:
    description: The program pillarbox.
    type: path
    default: /usr/local/sbin/pillarbox
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Says whether it would roll now, or refuses as the run would.
  diff_mode:
    details: Shows the SHA-256 of the keys in service.
  idempotent:
    description: A second run changes something again.
    support: none
    details: Each run is a rollover, for which the gate must have opened anew.
"""

EXAMPLES = r"""
- name: Change the TLS keys as soon as all senders can know the next ones
  pillarbox.mail.tls_key_roll:
    wait: 7200

- name: Make the keys that come after them
  pillarbox.mail.tls_key_ring:
    path: /etc/pillarbox/tls
"""

RETURN = r"""
rolled:
  description: The SHA-256 of the key that was in service and of the one that is, by algorithm.
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


# The program's exit status while the gate is closed.
TOO_EARLY = 3

if __name__ == "__main__":
    main()
