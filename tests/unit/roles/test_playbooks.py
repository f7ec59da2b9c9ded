# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each playbook loads the settings that all roles share before the first role that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
IMPORT = "ansible.builtin.import_role"


def imported(tasks: list[dict[str, Any]]) -> list[str]:
    """Return the roles that tasks import, in order."""
    return [
        role
        for task in tasks
        for role in ([task[IMPORT]["name"]] if IMPORT in task else imported(task.get("block", [])))
    ]


@pytest.mark.parametrize(
    "playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda p: p.stem
)
def test_the_settings_come_first(playbook: Path) -> None:
    for play in yaml.safe_load(playbook.read_text()):
        roles = imported(play.get("tasks", []))
        # The role base depends on the role mail; the others leave that to it.
        assert not roles or roles[0] in ("pillarbox.mail.base", "pillarbox.mail.mail")


@pytest.mark.parametrize("role", sorted((ROOT / "roles").iterdir()), ids=lambda p: p.name)
def test_only_one_role_loads_them_so_that_no_run_does_it_many_times(role: Path) -> None:
    dependencies = yaml.safe_load((role / "meta/main.yml").read_text())["dependencies"]
    assert dependencies == ([{"role": "pillarbox.mail.mail"}] if role.name == "base" else [])
