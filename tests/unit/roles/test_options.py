# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' argument_specs.yml, by which check_settings checks their options."""

from __future__ import annotations

import pytest
import yaml

from ..paths import ROLES
from ..settings import SETTINGS, check


@pytest.mark.parametrize("role", SETTINGS)
def test_options_begin_with_the_name_of_their_role(role: str) -> None:
    assert [name for name in SETTINGS[role] if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", SETTINGS)
def test_each_option_has_the_default_that_is_documented(role: str) -> None:
    file = ROLES / role / "defaults/main.yml"
    defaults = yaml.safe_load(file.read_text()) if file.exists() else {}
    documented = {
        name: option["default"] for name, option in SETTINGS[role].items() if "default" in option
    }
    assert {name: defaults.get(name) for name in documented} == documented
    assert defaults.keys() <= SETTINGS[role].keys()


def test_the_documented_defaults_pass_the_check() -> None:
    settings = {
        name: option["default"]
        for options in SETTINGS.values()
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
    assert check(settings) == []
