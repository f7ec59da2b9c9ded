#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
short_description: Obtain the mail server's certificates that are due
version_added: 0.1.0
description:
  - Runs C(pillarbox certificates renew) on the host, as a systemd timer does several times a day.
    Both do the same, so a renewal by the timer leaves nothing for this module to change. The role
    P(pillarbox.mail.base#role) installs the program, P(pillarbox.mail.acme_sh#role) configures it.
  - A certificate is due when there is none, when its key, names or origin are not those wanted, or
    when its end is near.
  - Nothing is put in service that the published TLSA records do not pin, or that the daemons do not
    serve afterwards. What was served before goes on then, and the task fails with the reason.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  config:
    description: What check mode takes for the program's configuration, since a run may change it
      before. It needs no credentials.
    type: dict
    required: true
  program:
    description: The program pillarbox.
    type: path
    default: /usr/local/sbin/pillarbox
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts what would be ordered, also before the program or its libraries are
      installed. It then asks no name server.
  diff_mode:
    details: Shows for each algorithm why a certificate is due.
  idempotent:
    details: Certificates that are not due are left alone.
"""

EXAMPLES = r"""
- name: Obtain what is due
  pillarbox.mail.acme_certificate:
    config: "{{ lookup('ansible.builtin.file', 'acme_sh.json') | from_json }}"
"""

RETURN = r"""
due:
  description: Why a certificate was due, by algorithm.
  returned: success
  type: dict
  sample: {"ecdsa": "there is no certificate yet"}
waiting:
  description: Why the key of an algorithm that was added, or a provided one, is not in service
    yet, by algorithm. The timer goes on.
  returned: success
  type: dict
  sample: {}
missing:
  description: The files of the key ring that the daemons' configuration names and that were not
    there before.
  returned: success
  type: list
  elements: str
  sample: []
issued:
  description: The algorithms whose certificates were issued and are in service.
  returned: success
  type: list
  elements: str
  sample: [ecdsa, rsa]
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.certificates import (
    can_run,
    predict,
)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Run the program and return what it reports; its one sentence fails the task."""
    arguments, data = ["renew"], None
    if module.check_mode:
        arguments = ["--config", "-", "renew", "--check"]
        data = json.dumps(module.params["config"])
    command = [module.params["program"], "certificates", *arguments]
    rc, out, err = module.run_command(command, data=data)
    if rc != 0:
        module.fail_json(msg=err.strip() or f"{module.params['program']} failed with status {rc}")
    report: dict[str, Any] = json.loads(out)
    return report


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "dict", "required": True},
            "program": {"type": "path", "default": "/usr/local/sbin/pillarbox"},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not can_run(module.params["program"]):
        report = predict(module.params["config"])
    else:
        report = run(module)
    for text in [*report.pop("warnings"), *report["waiting"].values()]:
        module.warn(text)
    diff = {
        "before": "",
        "after": "".join(f"{name}: {why}\n" for name, why in report["due"].items()),
    }
    module.exit_json(changed=bool(report["due"]), diff=diff, **report)


if __name__ == "__main__":
    main()
