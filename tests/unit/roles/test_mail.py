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


def test_defaults_and_argument_specs_are_equal() -> None:
    documented = {name: spec["default"] for name, spec in OPTIONS.items() if "default" in spec}
    assert load("defaults/main.yml") == documented


def test_every_setting_is_either_required_or_has_a_default() -> None:
    for name, spec in OPTIONS.items():
        assert ("default" in spec) != spec.get("required", False), name


def test_every_setting_is_checked() -> None:
    assert OPTIONS.keys() == _settings.CHECKS.keys()


def test_a_documented_default_passes_the_check() -> None:
    settings = {
        "mail_hostname": "mx.example.org",
        "mail_domains": {"example.org": {}},
        **load("defaults/main.yml"),
        "mail_users": {"alice@example.org": {"password": "secret"}},
        "mail_postmaster": "alice@example.org",
    }
    assert _settings.check(settings) == []


def test_what_the_role_fixes_is_no_setting() -> None:
    assert not load("vars/main.yml").keys() & OPTIONS.keys()
