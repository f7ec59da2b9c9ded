# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run some steps of site.yml, in the order that they have there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from tests.lab import lab


def some_steps(directory: Path, wanted: Collection[str]) -> str:
    """Write a playbook with some steps of site.yml, and return its path.

    A step is the role that a task imports, and the file of its tasks.
    """
    (play,) = yaml.safe_load((lab.ROOT / "playbooks/site.yml").read_text())
    tasks = [task for task in play["tasks"] if _step(task) in wanted]
    assert {_step(task) for task in tasks} == set(wanted)
    settings = {"ansible.builtin.import_role": {"name": "pillarbox.mail.mail"}}
    play["tasks"] = [settings, *tasks]
    # Not one of the runs of site.yml in the log.
    play["name"] = "Run some steps"
    playbook = directory / "steps.yml"
    playbook.write_text(yaml.safe_dump([play]))
    return str(playbook)


def _step(task: dict[str, Any]) -> str:
    role = task.get("ansible.builtin.import_role", {})
    name = role.get("name", "").removeprefix("pillarbox.mail.")
    return f"{name} {role.get('tasks_from', '')}".strip()
