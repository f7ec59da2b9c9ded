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
  - Enables and starts a unit, and reloads or restarts it when its configuration was changed.
    Afterwards it must be active, or the task fails with the end of its log.
  - It knows from M(pillarbox.mail.config_tree) what was changed since it last loaded the
    configuration, also if that was in an earlier run that ended too soon. When systemd's own files
    are among it, systemd reads them and the unit is restarted.
  - Unlike M(ansible.builtin.systemd_service) it predicts all this in check mode also when the
    unit's package is not installed yet.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description: The unit, with its suffix.
    type: str
    required: true
  tree:
    description: The O(pillarbox.mail.config_tree#module:name) of its configuration.
    type: str
    required: true
  tree_changed:
    description: Whether that tree was changed in this run; what check mode goes by.
    type: bool
    default: false
  restart:
    description: Whether it takes a restart to load a configuration, and not only a reload.
    type: bool
    default: false
  state_dir:
    description: The O(pillarbox.mail.config_tree#module:state_dir) of the tree.
    type: path
    default: /var/lib/pillarbox/config_tree
attributes:
  check_mode:
    support: full
    description: Predicts what would be done, for a unit that does not exist yet too.
  diff_mode:
    support: full
    description: Lists what is done to the unit.
  idempotent:
    support: full
    description: A unit that runs with its present configuration is left alone.
"""

EXAMPLES = r"""
- name: Configure Unbound
  pillarbox.mail.config_tree:
    name: unbound
    src: unbound
  register: unbound_tree

- name: Run Unbound
  pillarbox.mail.daemon:
    name: unbound.service
    tree: unbound
    tree_changed: "{{ unbound_tree is changed }}"
"""

RETURN = r"""
actions:
  description: What was done to the unit, in order.
  returned: success
  type: list
  elements: str
  sample: [enable, start]
"""

import time
from collections.abc import Callable, Collection

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils import _pending


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


def needed(state: dict[str, str], changed: Collection[str], restart: bool) -> list[str]:
    """The systemctl verbs that bring a unit to run as configured.

    Args:
        state: properties of the unit (systemctl show); those of an unknown unit are empty.
        changed: paths of its configuration that it has not loaded.
        restart: whether it takes a restart to load them.
    """
    units = any(path.startswith("/etc/systemd/system/") for path in changed)
    actions = []
    if units or state.get("NeedDaemonReload") == "yes":
        actions.append("daemon-reload")
    active = state.get("ActiveState") in ("active", "reloading")
    # Debian's Postfix runs on when its package is removed, and is enabled when it is back.
    outlived = active and not state.get("UnitFileState")
    if state.get("UnitFileState") not in ("enabled", "static", "alias") and not outlived:
        actions.append("enable")
    if not active:
        actions.append("start")
    elif changed:
        actions.append("restart" if units or restart else "reload")
    return actions


def read(module: AnsibleModule) -> dict[str, str]:
    """The properties of the unit that tell what it needs."""
    properties = "--property=UnitFileState,ActiveState,NeedDaemonReload"
    lines = systemctl(module, "show", properties, module.params["name"]).splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def settled(state: Callable[[], str], seconds: float = 30.0) -> str:
    """The ActiveState of a unit once its reload has ended.

    A Type=notify daemon tells of its reload when ExecReload is long through, so systemctl returns
    before (systemd.service(5), Type=notify-reload, is what would wait).

    Args:
        state: reads the ActiveState.
        seconds: how long to wait at most.
    """
    deadline = time.monotonic() + seconds
    while (found := state()) == "reloading" and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "tree": {"type": "str", "required": True},
            "tree_changed": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
            "state_dir": {"type": "path", "default": _pending.STATE},
        },
        supports_check_mode=True,
    )
    unit, tree, state_dir = (module.params[key] for key in ("name", "tree", "state_dir"))
    changed = _pending.read(state_dir, tree) or [tree] * module.params["tree_changed"]
    actions = needed(read(module), changed, module.params["restart"])
    if actions and not module.check_mode:
        for action in actions:
            systemctl(module, action, *([] if action == "daemon-reload" else [unit]))
        state = settled(lambda: read(module).get("ActiveState", ""))
        if state != "active":
            fail(module, f"{unit} is {state or 'unknown'} after {', '.join(actions)}")
    if not module.check_mode:
        _pending.clear(state_dir, tree)
    diff = {"before": "", "after": "".join(f"{action} {unit}\n" for action in actions)}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
