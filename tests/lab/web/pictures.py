# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of web pages, for a person to look at and for docs/pictures/."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page

from tests.lab.lab import LOGS


def take_picture(page: Page, name: str, height: float = 0) -> None:
    """Save what is on the screen, or with a height the page from its beginning."""
    session = page.context.new_cdp_session(page)
    shot: dict[str, Any] = {"format": "webp", "quality": 80}
    if height:
        size = session.send("Page.getLayoutMetrics")["cssContentSize"]
        area = {"width": size["width"], "height": min(size["height"], height)}
        shot |= {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "scale": 1, **area}}
    picture = session.send("Page.captureScreenshot", shot)["data"]
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{name}.webp").write_bytes(base64.b64decode(picture))
