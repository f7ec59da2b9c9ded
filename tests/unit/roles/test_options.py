# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' argument_specs.yml, by which check_settings checks their options."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import check

from ..paths import ROLES

OPTIONS: dict[str, dict[str, Any]] = {
    path.parts[-3]: {
        name: option
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values()
        for name, option in entry["options"].items()
    }
    for path in ROLES.glob("*/meta/argument_specs.yml")
}


@pytest.mark.parametrize("role", OPTIONS)
def test_options_begin_with_the_name_of_their_role(role: str) -> None:
    assert [name for name in OPTIONS[role] if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", OPTIONS)
def test_each_option_has_the_default_that_is_documented(role: str) -> None:
    file = ROLES / role / "defaults/main.yml"
    defaults = yaml.safe_load(file.read_text()) if file.exists() else {}
    documented = {
        name: option["default"] for name, option in OPTIONS[role].items() if "default" in option
    }
    assert {name: defaults.get(name) for name in documented} == documented
    assert defaults.keys() <= OPTIONS[role].keys()


def test_the_documented_defaults_pass_the_check() -> None:
    settings = {
        name: option["default"]
        for options in OPTIONS.values()
        for name, option in options.items()
        if "default" in option
    }
    settings |= {
        "mail_hostname": "mx.example.org",
        "mail_domains": {"example.org": {}},
        "mail_users": {"alice@example.org": {"password": "secret"}},
        "mail_postmaster": "alice@example.org",
        "acme_sh_tsig": {"name": "acme", "secret": "c2VjcmV0"},
    }
    others = {role: options for role, options in OPTIONS.items() if role != "mail"}
    assert check(settings, others) == []
