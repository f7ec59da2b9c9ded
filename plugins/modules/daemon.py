#!/usr/bin/python
# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon
short_description: Enable and start a systemd unit, and reload it when its configuration changed
version_added: 0.1.0
description:
  - Enables and starts a unit, and reloads or restarts it if its configuration changed. If the unit
    is not active afterwards, the task fails with the end of its log. It also fails if the unit's
    main process logs an error during a reload, as daemons do that reject a new configuration and
    keep running with the old one.
  - M(pillarbox.mail.config_tree) records what changed since the unit last loaded its configuration,
    even in an earlier run that was interrupted. If systemd's own files changed, systemd is reloaded
    and the unit restarted.
  - Unlike M(ansible.builtin.systemd_service), it predicts all this in check mode even if the unit's
    package is not installed yet.
author:
  - The pillarbox.mail developers (@pillarbox)
options:
  name:
    description: The unit, with its suffix.
    type: str
    required: true
  tree:
    description: The O(pillarbox.mail.config_tree#module:name) of its configuration tree.
    type: str
    required: true
  tree_changed:
    description: Whether this run changed that tree. Check mode needs this for its prediction.
    type: bool
    default: false
  restart:
    description: Whether the unit must be restarted to load a new configuration, rather than
      reloaded.
    type: bool
    default: false
  state_dir:
    description: The O(pillarbox.mail.config_tree#module:state_dir) of the tree.
    type: path
    default: /var/lib/pillarbox/config_tree
extends_documentation_fragment: [pillarbox.mail.attributes]
attributes:
  check_mode:
    details: Predicts what would be done, even for a unit that does not exist yet.
  diff_mode:
    details: Lists the actions on the unit.
  idempotent:
    details: A unit that runs with its current configuration is not touched.
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
  description: The actions on the unit, in order.
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
