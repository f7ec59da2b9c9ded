# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the programs that validate a staged tree, and those that derive files from it.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.derive import Derivation
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import (
    ConfigTreeError,
    Entry,
    redact,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.plan import Plan, look


def check(module: AnsibleModule, tree: dict[str, Any], root: str, plan: Plan) -> None:
    """Run the validators among the options of a tree, which is staged in root."""
    for argv in tree["validate"]:
        command = [str(arg) for arg in argv] or [""]
        program = module.get_bin_path(command[0])
        if program is None:
            if module.check_mode:  # its package is not installed yet
                continue
            raise ConfigTreeError(
                f'validate: the program "{command[0]}" is not installed on this host.'
            )
        rc, out, err = module.run_command([program, *(a.replace("%s", root) for a in command[1:])])
        if rc != 0:
            _refuse(tree, root, plan, command, rc, f"{err}\n{out}")


def derive(module: AnsibleModule, tree: dict[str, Any], root: str, plan: Plan) -> list[Entry]:
    """Return the files that are derived from others in the tree staged in root."""
    if not tree["derive"]:
        return []
    derivation = Derivation(tree["derive"], plan.entries, tree["dest"], root)
    program, *arguments = derivation.command
    found = module.get_bin_path(program, required=not module.check_mode)
    rc, out, err = module.run_command([found, *arguments]) if found else (127, "", "")
    if rc != 0 and not module.check_mode:
        _refuse(tree, root, plan, tree["derive"]["command"], rc, f"{err}\n{out}")
    return derivation.entries(rc == 0, lambda path: look(path).content)


def _refuse(
    tree: dict[str, Any], root: str, plan: Plan, command: list[str], rc: int, output: str
) -> None:
    """Raise ConfigTreeError with the output of a command that failed on the tree in root."""
    said = redact(output, plan.entries).replace(root, tree["dest"].rstrip("/"))
    raise ConfigTreeError(
        f"Nothing of the tree {tree['name']} was changed, because"
        f' "{" ".join(command)}" ended with code {rc}: ' + (said or "(no output)")
    )
