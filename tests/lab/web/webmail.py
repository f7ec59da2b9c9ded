# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webmail in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.lab import lab

# Arguments of lab.site() that switch on what is not on by default at the web server.
ALL = ("-e", f"@{lab.ROOT}/lab/web.yml")
NAME = "webmail.example.org"
SITE = f"https://{NAME}"
SCREEN: dict[str, Any] = {"viewport": {"width": 1200, "height": 760}}
PHONE_SCREEN = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
LOOKS: dict[str, dict[str, Any]] = {
    "light": SCREEN,
    "dark": {**SCREEN, "color_scheme": "dark"},
    "phone": {**PHONE_SCREEN, "is_mobile": True},
}
# On Debian 12, the first is enough: a browser draws the same pages of both.
EACH_LOOK = pytest.mark.parametrize(
    "look", ["light", *(pytest.param(look, marks=pytest.mark.once) for look in ("dark", "phone"))]
)
Visit = Callable[..., Page]

expect.set_options(timeout=30_000)


def log_in(page: Page, login: str, secret: str | None = None) -> None:
    """Fill in the form."""
    page.fill("#rcmloginuser", login)
    page.fill("#rcmloginpwd", lab.password(login) if secret is None else secret)
    page.click("#rcmloginsubmit")
    page.wait_for_url(re.compile(r"_task="))


def mailbox(page: Page, login: str) -> Page:
    """Log in, and return the page once it shows the inbox."""
    log_in(page, login)
    expect(page).to_have_title(re.compile("Webmail :: Inbox"))
    # An answer to one of its first requests, with the session as it was then, would undo what the
    # next page stores in it.
    page.wait_for_load_state("networkidle")
    return page


def go(page: Page, task: str, action: str) -> None:
    page.goto(address(task, action))


def address(task: str, action: str) -> str:
    return f"{SITE}/?_task={task}&_action={action}"
