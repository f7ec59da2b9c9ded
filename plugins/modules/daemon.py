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
    It also fails when the unit's main process logs an error at a reload, as a daemon does that
    refuses its new configuration and runs on with the old one.
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
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts what would be done, for a unit that does not exist yet too.
  diff_mode:
    details: Lists what is done to the unit.
  idempotent:
    details: A unit that runs with its present configuration is left alone.
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils import _unit
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "tree": {"type": "str", "required": True},
            "tree_changed": {"type": "bool", "default": False},
            "restart": {"type": "bool", "default": False},
            "state_dir": {"type": "path", "default": pending.STATE},
        },
        supports_check_mode=True,
    )
    unit, tree, state_dir = (module.params[key] for key in ("name", "tree", "state_dir"))
    changed = pending.read(state_dir, tree) or [tree] * module.params["tree_changed"]
    try:
        actions = _unit.bring_up(module, unit, changed, module.params["restart"])
    except _unit.UnitError as error:
        module.fail_json(msg=str(error))
    if not module.check_mode:
        pending.clear(state_dir, tree)
    module.exit_json(changed=bool(actions), actions=actions, diff=_unit.diff(unit, actions))


if __name__ == "__main__":
    main()
