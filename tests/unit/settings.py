# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of all roles as their argument_specs.yml document them, and the check by these."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import yaml
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.check import (
    check as check_by,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import settings_of

from .paths import ROLES

# The entry points of each role.
SPECS: dict[str, dict[str, Any]] = {
    path.parts[-3]: yaml.safe_load(path.read_text())["argument_specs"]
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml"))
}
# The settings of each role.
SETTINGS = {role: settings_of(role, entry_points) for role, entry_points in SPECS.items()}


def check(settings: Mapping[str, Any], today: datetime.date | None = None) -> list[str]:
    return check_by(settings, SPECS, today)
