# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""module_defaults for group/pillarbox.mail.all apply to every module."""

from __future__ import annotations

import yaml

from ...paths import ROOT


def test_the_action_group_names_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    assert modules
    assert set(runtime["action_groups"]["all"]) == modules
