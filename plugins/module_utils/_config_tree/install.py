# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install one tree on the host: recover, compare, validate, derive, replace.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree import pending
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import Entry
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.plan import Plan
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.programs import (
    check,
    derive,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.stage import lock, staged
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.transaction import (
    is_interrupted,
    recover,
)


def install(module: AnsibleModule, tree: dict[str, Any], entries: list[Entry]) -> Plan:
    """Install a tree, or in check mode predict what that would change; return the changes.

    Args:
        module: gives the state directory, runs programs, and warns.
        tree: its options.
        entries: its files and directories, as build_entries() returns them.

    Raises:
        ConfigTreeError: the tree does not fit the host, or a program refused it. Nothing was
            changed.
        TransactionError: files could not be replaced; the message says what was put back.
    """
    state_dir: str = module.params["state_dir"]
    base = os.path.join(state_dir, tree["name"])
    with lock(state_dir, create=not module.check_mode) as locked:
        if not module.check_mode:
            recover(base + ".journal")
        elif is_interrupted(base + ".journal"):
            module.warn(f"{tree['name']}: the last run was killed; the next run first undoes it.")
        plan = Plan(entries, base, tree["prune"], lenient=module.check_mode)
        place = base + ".staged" if locked else None
        unloaded = plan.changed or plan.removed or pending.read(state_dir, tree["name"])
        derived = []
        if unloaded or tree["derive"]:
            with staged(plan, tree["dest"], tree["overlay"], place) as root:
                if unloaded:
                    check(module, tree, root, plan)
                derived = derive(module, tree, root, plan)
        if derived:
            plan = Plan([*entries, *derived], base, tree["prune"], lenient=module.check_mode)
        if not module.check_mode:
            if plan.changed or plan.removed:
                # Before the change, since a superfluous reload does no harm.
                pending.add(state_dir, tree["name"], [*plan.changed, *plan.removed])
            plan.transaction.commit()
    return plan
