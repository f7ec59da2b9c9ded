# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable that a template, task or playbook reads is defined somewhere in the collection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
import yaml
from jinja2 import meta

from ..paths import ROLES, ROOT
from ..settings import SPECS

# Ansible's own, and what tasks set for templates.
MAGIC = {
    "ansible_check_mode",
    "ansible_managed",
    "ansible_play_hosts",
    "ansible_playbook_python",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_hostname",
    "item",
    "lookup",
    "now",
    "omit",
    "playbook_dir",
    "query",
    "role_path",
}
FILES = [
    *ROLES.glob("*/tasks/*.yml"),
    *ROLES.glob("*/handlers/*.yml"),
    *(ROOT / "playbooks").glob("*.yml"),
]
# How variables begin that users give to the playbook of this name.
GIVEN = tuple(f"{path.stem}_" for path in (ROOT / "playbooks").glob("*.yml"))
VARIABLES = [*ROLES.glob("*/defaults/main.yml"), *ROLES.glob("*/vars/main.yml")]
TEMPLATES = [*ROLES.glob("*/templates/**/*.j2")]
# Keywords whose values are expressions without braces.
BARE = {"changed_when", "failed_when", "that", "until", "var", "when"}


class Anything(dict[str, Any]):
    """Has a filter or test of every name."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        return lambda *arguments, **options: ""

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def environment() -> jinja2.Environment:
    # Only parses, so there is nothing to escape.
    parser = jinja2.Environment(autoescape=False)  # noqa: S701
    parser.filters, parser.tests = Anything(), Anything()
    return parser


PARSER = environment()


def defined(content: Any) -> Iterator[str]:
    """The variables that tasks define."""
    if isinstance(content, list):
        for part in content:
            yield from defined(part)
    if isinstance(content, dict):
        for key, value in content.items():
            if key in ("register", "loop_var"):
                yield value
            if key in ("ansible.builtin.set_fact", "vars") and isinstance(value, dict):
                yield from value
            yield from defined(value)


def expressions(content: Any, key: str = "") -> Iterator[str]:
    """The texts that Ansible templates."""
    if isinstance(content, str):
        yield f"{{{{ {content} }}}}" if key in BARE and "{{" not in content else content
    if isinstance(content, list):
        for part in content:
            yield from expressions(part, key)
    if isinstance(content, dict):
        for name, value in content.items():
            yield from expressions(value, name)


def load(file: Any) -> Any:
    return yaml.safe_load(file.read_text())


KNOWN = {
    *MAGIC,
    *(name for file in FILES for name in defined(load(file))),
    *(name for file in VARIABLES for name in load(file) or {}),
    *(
        name
        for entry_points in SPECS.values()
        for entry_point in entry_points.values()
        for name in entry_point.get("options", {})
    ),
}


@pytest.mark.parametrize(
    "file", [*TEMPLATES, *FILES, *VARIABLES], ids=lambda file: str(file.relative_to(ROOT))
)
def test_a_file_reads_only_variables_that_are_defined(file: Any) -> None:
    texts = [file.read_text()] if file.suffix == ".j2" else expressions(load(file))
    read: set[str] = set()
    for text in texts:
        if re.search(r"\{[{%]", text):
            # Ansible doubles backslashes, so that they stay as they are.
            read |= meta.find_undeclared_variables(PARSER.parse(text.replace("\\", r"\\")))
            # Jinja knows these only where no condition surrounds them.
            read -= set(re.findall(r"\{% *set (\w+)", text))
    assert {name for name in read - KNOWN if not name.startswith(GIVEN)} == set()
