# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host by the module of the same name, then from the controller, and judge both.

The options are documented with that module.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# The hosts' program, a part of which runs here.
_PROGRAM = Path(__file__).parents[2] / "roles/base/files"


class ActionModule(ActionBase):
    """Changes nothing, on the host and here."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the findings, or the module's failure."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        seen: dict[str, Any] = self._execute_module(
            module_name="pillarbox.mail.preflight_info",
            module_args={"now": time.time(), **self._task.args},
            task_vars=variables,
        )
        if seen.get("failed") or "host" not in seen:
            return seen
        seen["given"]["name"] = variables["inventory_hostname"]
        done = subprocess.run(
            [sys.executable, "-BP", "-m", "pillarbox.check.outside.preflight"],
            input=json.dumps({"given": seen.pop("given"), "host": seen.pop("host")}),
            env={**os.environ, "PYTHONPATH": str(_PROGRAM)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AnsibleActionFail(done.stderr.strip())
        return {**seen, **json.loads(done.stdout)}
