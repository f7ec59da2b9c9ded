# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the settings of all roles on the controller; the module of the same name documents it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.pillarbox.mail.plugins.module_utils._checks import Unresolved
from ansible_collections.pillarbox.mail.plugins.module_utils._settings import check

_ROLES = Path(__file__).parents[2] / "roles"
# What the role mail itself fixes (paths and sockets) has names that begin alike.
_FIXED = _ROLES / "mail/vars/main.yml"


class ActionModule(ActionBase):
    """Needs no connection: a wrong setting is found before any host is touched."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("settings",))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        roles = self._options_of_roles()
        settings = self._task.args.get("settings")
        if settings is None:
            settings = self._settings_of(task_vars or {}, roles)
        errors = (
            check(settings, roles)
            if isinstance(settings, Mapping)
            else ["settings: must be a dictionary of settings by name"]
        )
        result.update(changed=False, errors=errors)
        if errors:
            many = "One setting is" if len(errors) == 1 else f"{len(errors)} settings are"
            lines = "".join(f"\n- {error}" for error in errors)
            result.update(failed=True, msg=f"{many} wrong; nothing was changed:{lines}")
        return result

    def _options_of_roles(self) -> dict[str, Any]:
        """The documented options of each role but mail, whose settings are checked by name."""
        options = {}
        for path in _ROLES.glob("*/meta/argument_specs.yml"):
            specs = self._loader.load_from_file(str(path))["argument_specs"]
            options[path.parts[-3]] = specs["main"]["options"]
        return {role: own for role, own in options.items() if own and role != "mail"}

    def _settings_of(self, task_vars: dict[str, Any], roles: Iterable[str]) -> dict[str, Any]:
        prefixes = tuple(f"{role}_" for role in ("mail", *roles))
        fixed = self._loader.load_from_file(str(_FIXED))
        return {
            name: self._resolve(value)
            for name, value in task_vars.items()
            if name.startswith(prefixes) and name not in fixed
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
