# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon of the program restarts when a file that it imports changes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ..paths import ROLES

PROGRAM = ROLES / "base/files"
UNITS = {
    file.name: found[1]
    for file in sorted(ROLES.glob("*/templates/**/*.service.j2"))
    if (found := re.search(r"^X-Program=(.*)", file.read_text(), re.MULTILINE))
}


def imported(file: Path) -> set[str]:
    """Return the files of the program that a file imports, directly or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            path = PROGRAM / f"{name.replace('.', '/')}.py"
            if path.exists():
                found |= {str(path.relative_to(PROGRAM / "pillarbox"))} | imported(path)
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_its_unit_names_all_of_them(unit: str) -> None:
    listed = set(re.findall(r"program ~ '([^'*]+\.py)'", UNITS[unit]))
    folders = set(re.findall(r"program ~ '([^']+)/\*'", UNITS[unit]))
    assert listed
    needed = set().union(*(imported(PROGRAM / "pillarbox" / name) for name in listed))
    for folder in folders:
        for file in (PROGRAM / "pillarbox" / folder).glob("*.py"):
            needed |= imported(file)
    assert {file for file in needed - listed if str(Path(file).parent) not in folders} == set()


def test_there_are_such_units() -> None:
    assert {"pillarbox-dane.service.j2", "pillarbox-recode.service.j2"} <= UNITS.keys()
