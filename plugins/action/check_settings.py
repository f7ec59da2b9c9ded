# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check all mail_* settings on the controller; the module of the same name documents it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.pillarbox.mail.plugins.module_utils._settings import Unresolved, check

# What the role itself fixes (paths and sockets) has names that begin alike.
_FIXED = Path(__file__).parents[2] / "roles/mail/vars/main.yml"
# Which hosts a playbook is for, given with --extra-vars.
_TARGET = "mail_target"


class ActionModule(ActionBase):
    """Needs no connection: a wrong setting is found before any host is touched."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("settings",))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        settings = self._task.args.get("settings")
        if settings is None:
            settings = self._settings_of(task_vars or {})
        errors = (
            check(settings)
            if isinstance(settings, Mapping)
            else ["settings: must be a dictionary of the mail_* settings"]
        )
        result.update(changed=False, errors=errors)
        if errors:
            many = "One setting is" if len(errors) == 1 else f"{len(errors)} settings are"
            lines = "".join(f"\n- {error}" for error in errors)
            result.update(failed=True, msg=f"{many} wrong; nothing was changed:{lines}")
        return result

    def _settings_of(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        others = {_TARGET, *self._loader.load_from_file(str(_FIXED))}
        return {
            name: self._resolve(value)
            for name, value in task_vars.items()
            if name.startswith("mail_") and name not in others
        }

    def _resolve(self, value: Any) -> Any:
        """Evaluate a variable leaf by leaf, so that one that fails does not hide the others."""
        if isinstance(value, Mapping):
            return {key: self._resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolve(item) for item in value]
        try:
            return self._templar.template(value)
        except AnsibleError as error:
            return Unresolved(f"cannot be evaluated: {error.message}".rstrip("."))
