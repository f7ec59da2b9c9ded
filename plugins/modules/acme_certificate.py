#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
short_description: Obtain certificates that are due
version_added: 0.1.0
description:
  - Runs C(pillarbox certificates renew) on the host, as a systemd timer does several times a day,
    so that this module has nothing to change after a renewal by the timer. The role
    P(pillarbox.mail.base#role) installs the program, P(pillarbox.mail.acme_sh#role) configures it.
  - A certificate is due if it does not exist, if its key, names or source differ from the settings,
    or if it expires soon.
  - A certificate goes into service only if the published TLSA records pin its key. If the daemons
    do not serve it afterwards, the former certificate is put back. In both cases the task fails
    with the reason.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  config:
    description: The configuration that check mode passes to the program, since a real run may have
      changed it before. Credentials are not needed.
    type: dict
    required: true
  program:
    description: Path of the program C(pillarbox).
    type: path
    default: /usr/local/sbin/pillarbox
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts what would be ordered, even before the program or its libraries are
      installed. In that case it queries no name server.
  diff_mode:
    details: Shows why the certificate of each algorithm is due.
  idempotent:
    details: Certificates that are not due are not changed.
"""

EXAMPLES = r"""
- name: Obtain due certificates
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
  description: Why a new key, of an added algorithm or a provided one, is not in service yet, by
    algorithm. The timer retries.
  returned: success
  type: dict
  sample: {}
missing:
  description: The files in the daemons' configuration that did not exist before.
  returned: success
  type: list
  elements: str
  sample: []
issued:
  description: The algorithms whose certificates were issued and put in service.
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
    """Run the program and return its report; its error message fails the task."""
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
