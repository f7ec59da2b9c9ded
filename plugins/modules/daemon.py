#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Have a systemd unit enabled and running with its present configuration
version_added: 0.1.0
description:
  - Enables and starts a unit, and reloads or restarts it when it runs already. Afterwards it must
    be active, or the task fails with the end of its log.
  - When systemd's own files of the unit have changed, systemd reads them first.
  - Unlike M(ansible.builtin.systemd_service) it predicts all this in check mode also when the
    unit's package is not installed yet.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description: The unit, with its suffix.
    type: str
    required: true
  reload:
    description: Whether its configuration has changed since it started.
    type: bool
    default: false
  restart:
    description: Whether what has changed takes a restart. Wins over O(reload).
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Predicts what would be done, for a unit that does not exist yet too.
  diff_mode:
    support: full
    description: Lists what is done to the unit.
  idempotent:
    support: partial
    description: With O(reload) or O(restart) it does that each time.
"""

EXAMPLES = r"""
- name: Configure Postfix
  pillarbox.mail.config_tree:
    src: .
    name: postfix
  register: postfix_tree

- name: Run Postfix
  pillarbox.mail.daemon:
    name: postfix.service
    reload: "{{ postfix_tree is changed }}"
"""

RETURN = r"""
actions:
  description: What was done to the unit, in order.
  returned: success
  type: list
  elements: str
  sample: [enable, start]
"""

from ansible.module_utils.basic import AnsibleModule


def systemctl(module: AnsibleModule, *arguments: str) -> str:
    """What systemctl prints. When it fails, its words and the unit's log fail the task."""
    rc, out, err = module.run_command(["systemctl", *arguments])
    if rc != 0:
        fail(module, f"'systemctl {' '.join(arguments)}' failed: {' '.join(err.split())}")
    return str(out)


def fail(module: AnsibleModule, problem: str) -> None:
    """Fail the task with the end of the unit's log, where the reason stands."""
    unit = module.params["name"]
    log = module.run_command(["journalctl", "--no-pager", "-o", "cat", "-n", "10", "-u", unit])[1]
    module.fail_json(msg=f"{problem}. The end of the log of {unit}:\n{log.strip()}")


def needed(state: dict[str, str], reload: bool, restart: bool) -> list[str]:
    """The systemctl verbs that bring a unit of that state (systemctl show) to run as configured."""
    actions = []
    if state.get("NeedDaemonReload") == "yes":
        actions.append("daemon-reload")
    if state.get("UnitFileState") not in ("enabled", "static", "alias"):
        actions.append("enable")
    if state.get("ActiveState") not in ("active", "reloading"):
        actions.append("start")
    elif restart:
        actions.append("restart")
    elif reload:
        actions.append("reload")
    return actions


def read(module: AnsibleModule) -> dict[str, str]:
    """The properties of the unit that tell what it needs; those of an unknown unit are empty."""
    properties = "--property=UnitFileState,ActiveState,NeedDaemonReload"
    lines = systemctl(module, "show", properties, module.params["name"]).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "reload": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    unit = module.params["name"]
    actions = needed(read(module), module.params["reload"], module.params["restart"])
    if actions and not module.check_mode:
        for action in actions:
            systemctl(module, action, *([] if action == "daemon-reload" else [unit]))
        state = read(module).get("ActiveState")
        if state != "active":
            fail(module, f"{unit} is {state or 'unknown'} after {', '.join(actions)}")
    diff = {"before": "", "after": "".join(f"{action} {unit}\n" for action in actions)}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
