# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.pillarbox.mail.plugins.module_utils import _settings

ROLE = Path(_settings.__file__).parents[2] / "roles" / "mail"


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROLE / name).read_text())
    return content


OPTIONS = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]


def test_every_setting_is_either_required_or_has_a_default() -> None:
    for name, spec in OPTIONS.items():
        assert ("default" in spec) != spec.get("required", False), name


def test_every_setting_is_checked() -> None:
    assert OPTIONS.keys() == _settings.CHECKS.keys()


def test_what_the_role_fixes_is_no_setting() -> None:
    assert not load("vars/main.yml").keys() & OPTIONS.keys()
