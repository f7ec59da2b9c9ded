# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What axe finds wrong with a page for people who use a keyboard, a screen reader or large text."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

# The levels A and AA of WCAG 2.2, without what axe only recommends.
WCAG: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}


def violations(page: Page | Frame, rules: dict[str, Any] | None = None) -> list[str]:
    """Return the violations of a page without its frames, each with an element that has it."""
    # Without the elements that pass, of which there are many.
    options = {"resultTypes": ["violations"], **(rules or {})}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['help']}: {each['nodes'][0]['html']}" for each in found]
