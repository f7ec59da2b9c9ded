# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the settings of all roles on the controller; the module of the same name documents it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import check
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.hosts import (
    SETTINGS,
    contested,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import settings_of
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    Unresolved,
)

_ROLES = Path(__file__).parents[2] / "roles"
# The hosts of site.yml.
_GROUP = "mail_servers"


class ActionModule(ActionBase):
    """Needs no connection: wrong settings are found before any host is changed."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("settings",))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        specs = self._specs()
        settings = self._task.args.get("settings")
        problems: list[Problem] = []
        if settings is None:
            settings = self._settings_of(task_vars or {}, specs)
            problems = [*self._overridden(task_vars or {}), *self._contested(task_vars or {})]
        errors = (
            check(settings, specs)
            if isinstance(settings, Mapping)
            else ["settings: must be a dictionary of settings by name"]
        )
        errors = sorted([*errors, *(f"{where}: {what}" for where, what in problems)])
        result.update(changed=False, errors=errors)
        if errors:
            many = "One setting is" if len(errors) == 1 else f"{len(errors)} settings are"
            lines = "".join(f"\n- {error}" for error in errors)
            result.update(failed=True, msg=f"{many} wrong; nothing was changed:{lines}")
        return result

    @staticmethod
    def _specs() -> dict[str, Any]:
        """Return the argument_specs of each role that has settings."""
        specs = {
            path.parts[-3]: yaml_load(path.read_text())["argument_specs"]
            for path in _ROLES.glob("*/meta/argument_specs.yml")
        }
        return {role: entries for role, entries in specs.items() if settings_of(role, entries)}

    def _settings_of(self, task_vars: dict[str, Any], roles: Iterable[str]) -> dict[str, Any]:
        prefixes = tuple(f"{role}_" for role in roles)
        computed = self._computed()
        return {
            name: self._resolve(value)
            for name, value in task_vars.items()
            if name.startswith(prefixes) and name not in computed
        }

    @staticmethod
    @cache
    def _computed() -> frozenset[str]:
        """Return the names of the roles' own variables, some of which look like settings."""
        files = _ROLES.glob("*/vars/main.yml")
        return frozenset(name for path in files for name in yaml_load(path.read_text()))

    def _overridden(self, task_vars: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield what the inventory sets in vain, since role variables take precedence."""
        own = task_vars["hostvars"].raw_get(task_vars["inventory_hostname"])
        for name in sorted(self._computed() & own.keys()):
            yield name, "is not a setting but computed from others, so it has no effect; remove it"

    def _contested(self, task_vars: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield what other mail servers also claim, including those that --limit excludes."""
        host = task_vars["inventory_hostname"]
        names = dict.fromkeys([host, *task_vars["groups"].get(_GROUP, [])])
        hosts = {name: self._claims(task_vars["hostvars"][name]) for name in names}
        return contested(host, hosts)

    @staticmethod
    def _claims(variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings by which hosts can conflict."""
        claims = {}
        for name in SETTINGS:
            try:
                claims[name] = variables.get(name)
            except AnsibleError:
                continue  # reported for that host itself
        return claims

    def _resolve(self, value: Any) -> Any:
        """Evaluate a variable leaf by leaf, so that one that fails does not hide the others."""
        if isinstance(value, Mapping):
            return {key: self._resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolve(item) for item in value]
        if isinstance(value, str) and "{" not in value:
            return value  # not a template; saves half a minute for 100,000 accounts
        try:
            return self._templar.template(value)
        except AnsibleError as error:
            return Unresolved(f"cannot be evaluated: {error.message}".rstrip("."))
