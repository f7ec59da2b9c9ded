# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permitted imports of each package in module_utils, which go in one direction."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ...paths import ROOT

UTILS = ROOT / "plugins/module_utils"
PREFIX = "ansible_collections.pillarbox.mail.plugins."

# From the bottom to the top: each package, and the packages below it that it imports.
MAY_IMPORT: dict[str, set[str]] = {
    "_names": set(),
    "_files": set(),
    "_listeners": set(),
    "_preflight": set(),
    "_packages": set(),
    "_unit": set(),
    "_times": set(),
    "_config_tree": set(),
    "_keys": set(),
    "_accounts": {"_names"},
    "_dkim": {"_names", "_files", "_keys", "_times"},
    "_mta_sts": {"_times"},
    "_tls": {"_keys"},
    "_dns": {"_names"},
    "_octodns": {"_dns"},
    "_providers": {"_dns", "_octodns"},
    "_records": {"_names", "_keys", "_mta_sts", "_tls"},
    "_maturity": {"_records"},
    "_settings": {"_names", "_keys", "_accounts", "_dkim", "_tls", "_records"},
}


def imported(file: Path) -> set[str]:
    """Return the modules of the collection's plugins that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX)}


def test_each_package_has_its_place_and_builds_only_on_those_below() -> None:
    packages = [
        path.stem for path in UTILS.iterdir() if path.name[0] == "_" and path.name[1] != "_"
    ]
    assert sorted(packages) == sorted(MAY_IMPORT)
    below: set[str] = set()
    for package, others in MAY_IMPORT.items():
        assert others <= below, package
        below.add(package)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_what_it_may_and_no_plugin(package: str) -> None:
    files = [UTILS / f"{package}.py", *UTILS.glob(f"{package}/**/*.py")]
    imports = set().union(*(imported(file) for file in files if file.exists()))
    assert {name for name in imports if not name.startswith("module_utils.")} == set()
    assert {name.split(".")[1] for name in imports} - {package} == MAY_IMPORT[package]


@pytest.mark.parametrize(
    "package", [package for package in MAY_IMPORT if (UTILS / package).is_dir()]
)
def test_a_package_says_what_lives_there_and_what_it_imports(package: str) -> None:
    said = ast.get_docstring(ast.parse((UTILS / package / "__init__.py").read_text())) or ""
    assert "PRIVATE to the collection." in said
    assert "Imports" in said


def test_modules_of_one_package_import_each_other_in_one_direction() -> None:
    arrows = {
        f"module_utils.{'.'.join(file.relative_to(UTILS).with_suffix('').parts)}": imported(file)
        for file in UTILS.glob("*/*.py")
    }
    # Imported names are written after their module's name.
    builds_on = {
        name: {other for other in arrows if any(f"{i}.".startswith(f"{other}.") for i in names)}
        for name, names in arrows.items()
    }
    while leaves := [name for name, others in builds_on.items() if not others & builds_on.keys()]:
        for name in leaves:
            del builds_on[name]
    assert builds_on == {}, "these import each other"


@pytest.mark.parametrize("kind", ["action", "filter", "modules"])
def test_plugins_do_not_import_each_other(kind: str) -> None:
    for file in (ROOT / "plugins" / kind).glob("*.py"):
        others = {name for name in imported(file) if not name.startswith("module_utils.")}
        assert others == set(), file
