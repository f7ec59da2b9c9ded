# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the guides are the settings of the lab's tests."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ..paths import ROOT

GUIDES = ("accounts", "filtering", "mailboxes", "relaying", "tls")
LABS = [
    yaml.safe_load((ROOT / "lab" / name).read_text())
    for name in ("group_vars/mail_servers.yml", "router.yml")
]
EXAMPLES = [
    (guide, yaml.safe_load(block))
    for guide in GUIDES
    for block in re.findall(
        r"```yaml\n(.*?)```", (ROOT / f"docs/{guide}.md").read_text(), re.DOTALL
    )
]


def missing(example: Any, settings: Any, where: str = "") -> list[str]:
    """Return where an example differs from the settings, except in its secrets."""
    if isinstance(example, dict) and isinstance(settings, dict):
        return [
            place
            for key, value in example.items()
            if key != "password"
            for place in missing(value, settings.get(key), f"{where}/{key}")
        ]
    return [] if example == settings else [where]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_has_examples(guide: str) -> None:
    assert guide in {name for name, _example in EXAMPLES}


@pytest.mark.parametrize(("guide", "example"), EXAMPLES)
def test_an_example_is_part_of_the_labs_settings(guide: str, example: dict[str, Any]) -> None:
    assert [] in [missing(example, settings) for settings in LABS], guide
