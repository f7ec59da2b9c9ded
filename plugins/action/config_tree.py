# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of config_tree on the controller: render the trees and send them in one piece.

The options are documented with the module of the same name, which applies the tree.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.pillarbox.mail.plugins.module_utils._config_tree.entries import pack

# Ansible imports action plugins in its main process, and forks a worker for each task. The first
# full garbage collection in a worker would write to, and so copy, every object of the main process:
# a tenth of a second for each task with 10,000 accounts. See gc.freeze in Python's manual.
gc.freeze()


class ActionModule(ActionBase):
    """Render the templates below src, then run the module with all of them."""

    _supports_check_mode = True
    _supports_diff = True
    TRANSFERS_FILES = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the module's result; task_vars are the variables of the templates."""
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        variables = {"ansible_managed": "Ansible managed", **(task_vars or {})}
        role = self._task._role
        if role and "trees" not in args:
            args.setdefault("name", role.get_name())
        args["_archives"] = [
            pack(self._render_all(self._sources(tree), variables)) for tree in _trees(args)
        ]
        result: dict[str, Any] = self._execute_module(
            module_name="pillarbox.mail.config_tree", module_args=args, task_vars=task_vars
        )
        return result

    def _sources(self, tree: Mapping[str, Any]) -> list[str]:
        """Return the directories that make up a tree; without src or name, that is an error."""
        if not tree.get("src") or not tree.get("name"):
            raise AnsibleActionFail(
                "config_tree requires the option src, and in trees or outside of roles also the"
                " option name."
            )
        src = tree["src"] if isinstance(tree["src"], list) else [tree["src"]]
        return [self._find_tree(str(directory)) for directory in src]

    def _find_tree(self, src: str) -> str:
        try:
            tree: str = self._find_needle("templates", src)
        except AnsibleError as error:
            raise AnsibleActionFail(f'src: there is no directory "{src}".') from error
        if not os.path.isdir(tree):
            raise AnsibleActionFail(f"src: {tree} is not a directory.")
        return tree

    def _render_all(self, trees: list[str], variables: dict[str, Any]) -> dict[str, bytes]:
        """Return the files of all trees; a file must not be in two of them."""
        files: dict[str, bytes] = {}
        source: dict[str, str] = {}
        for tree in trees:
            for name, content in self._render(tree, variables).items():
                if name in files:
                    raise AnsibleActionFail(f"src: {name} is in both {source[name]} and {tree}.")
                files[name], source[name] = content, tree
        return files

    def _render(self, tree: str, variables: dict[str, Any]) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for source in _walk(tree):
            path = os.path.relpath(source, tree)
            template = path.endswith(".j2")
            name = path[:-3] if template else path
            if name in files:
                raise AnsibleActionFail(f"src: {tree} contains both {name} and {name}.j2.")
            if template:
                files[name] = self._render_template(source, variables)
            else:
                with open(self._loader.get_real_file(source), "rb") as file:  # unlocks a vault
                    files[name] = file.read()
        if not files:
            raise AnsibleActionFail(f"src: {tree} contains no files.")
        return files

    def _render_template(self, source: str, variables: dict[str, Any]) -> bytes:
        """Return what ansible.builtin.template would write for this file."""
        places = [*variables.get("ansible_search_path", []), self._loader.get_basedir()]
        places.append(os.path.dirname(source))
        templar = self._templar.copy_with_new_env(
            searchpath=[path for p in places for path in (os.path.join(p, "templates"), p)],
            available_variables=variables,
        )
        try:
            text = trust_as_template(self._loader.get_text_file_contents(source))
            result = templar.template(
                text, escape_backslashes=False, overrides={"trim_blocks": True}
            )
        except AnsibleError as error:
            raise AnsibleActionFail(f"Could not render {source}") from error
        return b"" if result is None else bytes(to_bytes(result))


def _trees(args: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the options of each tree."""
    if "trees" not in args:
        return [args]
    trees = args["trees"]
    if not isinstance(trees, list) or not all(isinstance(tree, Mapping) for tree in trees):
        raise AnsibleActionFail("trees: it must be a list of dictionaries.")
    if others := sorted(args.keys() - {"trees", "state_dir"}):
        raise AnsibleActionFail(
            f"{', '.join(others)}: beside trees, this has no effect; set it for each of them."
        )
    return trees


def _walk(tree: str) -> Iterator[str]:
    for directory, below, names in os.walk(tree, followlinks=True):
        # Skip what Python compiles when a test imports a source file.
        below[:] = [name for name in below if name != "__pycache__"]
        for name in sorted(names):
            yield os.path.join(directory, name)
