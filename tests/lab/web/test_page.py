# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with a user's settings in Debian's Chromium, as users see and use it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.lab.lab import MX
from tests.lab.web.accessibility import violations
from tests.lab.web.pictures import take_picture

SITE = "https://autoconfig.example.org"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
SMALL = {"viewport": {"width": 320, "height": 640}}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE,
    "small": SMALL,
    "forced-colors": {"forced_colors": "active"},
}
# The address of each page, and its status if that is an error.
PAGES = {
    "start": ("/", None),
    "settings": ("/?address=alice@example.org", None),
    "problem": ("/?address=alice@example.net", 400),
    "nothing": ("/nothing", 404),
}
# Of pictures; further down there are the tables.
HEIGHT = 1200
Open = Callable[..., Page]

pytestmark = pytest.mark.once


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Open pages, which must log no error and ask no other site."""
    problems: list[str] = []

    def visit(path: str, language: str = "en", problem: int | None = None, **look: Any) -> Page:
        context = browser.new_context(locale=language, **look)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()

        def heard(kind: str, text: str) -> None:
            if kind in ("error", "warning") and f"status of {problem}" not in text:
                problems.append(text)

        def failed(url: str, reason: str) -> None:
            # Chromium does so to a page that turns out to be a download.
            if reason != "net::ERR_ABORTED":
                problems.append(f"{url}: {reason}")

        def asked(url: str) -> None:
            if not url.startswith((f"{SITE}/", "data:")):
                problems.append(f"foreign: {url}")

        page.on("console", lambda message: heard(message.type, message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: failed(request.url, request.failure or ""))
        page.on("request", lambda request: asked(request.url))
        answer = page.goto(SITE + path)
        assert answer and answer.status == (problem or 200)
        return page

    yield visit
    for context in browser.contexts:
        context.close()
    assert problems == []


def is_wider_than_the_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize(
    ("name", "look"),
    [
        *(("settings", look) for look in LOOKS),
        *(("start", look) for look in ("light", "dark", "phone")),
        *(("problem", look) for look in ("light", "dark")),
        ("nothing", "light"),
    ],
)
def test_everybody_can_read_and_use_the_page(visit: Open, name: str, look: str) -> None:
    path, problem = PAGES[name]
    page = visit(path, problem=problem, **LOOKS[look])
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert violations(page) == []
    assert not is_wider_than_the_screen(page)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = false)")
    take_picture(page, f"setup-{name}-{look}", HEIGHT)


def test_a_user_finds_the_settings_by_the_keyboard_and_copies_one(visit: Open) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("alice@example.org")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Settings for alice@example.org").wait_for()
    table = page.get_by_role("table", name="Incoming mail (IMAP)")
    assert "mx.example.org" in table.get_by_role("row", name="Server").inner_text()
    button = table.get_by_role("button", name="Copy User name, Incoming mail (IMAP)")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_text("Copied", exact=True).first.wait_for()
    assert page.get_by_role("status").inner_text() == "Copied"
    assert page.evaluate("navigator.clipboard.readText()") == "alice@example.org"


def test_without_javascript_only_the_copy_buttons_are_missing(visit: Open) -> None:
    page = visit("/", java_script_enabled=False)
    page.get_by_label("E-mail address").fill("alice@example.org")
    page.get_by_role("button", name="Show settings").click()
    assert page.get_by_role("table").count() >= 2
    assert page.get_by_role("button", name="Copy").count() == 0
    with page.expect_download() as download:
        page.get_by_role("link", name="Get the profile").click()
    assert download.value.suggested_filename == "mail.mobileconfig"


def test_the_language_can_be_switched_without_javascript_and_stays(visit: Open) -> None:
    page = visit("/?address=alice@example.org", "de-DE", java_script_enabled=False)
    page.get_by_role("heading", name="Einstellungen für alice@example.org").wait_for()
    page.get_by_role("link", name="English").click()
    page.get_by_role("heading", name="Settings for alice@example.org").wait_for()
    page.get_by_label("E-mail address").fill("dave@example.org")
    page.get_by_role("button", name="Show settings").click()
    page.get_by_role("heading", name="Settings for dave@example.org").wait_for()


def test_a_camera_reads_the_codes_in_the_dark(visit: Open, tmp_path: Path) -> None:
    page = visit("/?address=alice@example.org", **LOOKS["dark"])
    found = []
    for number, code in enumerate(page.get_by_role("img", name="QR code").all()):
        picture = str(tmp_path / f"{number}.png")
        code.screenshot(path=picture)
        command = ["zbarimg", "--nodbus", "--quiet", "--raw", picture]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(run.stdout.strip())
    settings, address = found
    assert json.loads(settings)[2] == [0, MX, 993, 3, 1, "alice@example.org"]
    assert address == f"{SITE}/?address=alice%40example.org"


def test_a_typing_error_is_explained_at_the_field(visit: Open) -> None:
    page = visit("/?address=alice@example.net", problem=400)
    field = page.get_by_label("E-mail address")
    assert field.get_attribute("aria-invalid") is not None
    assert "example.net" in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.id") == "address"


def test_on_paper_there_are_all_settings_and_no_controls(visit: Open) -> None:
    page = visit("/?address=alice@example.org")
    page.emulate_media(media="print")
    assert page.get_by_role("table", name="Outgoing mail (SMTP)").first.is_visible()
    assert not page.get_by_role("button", name="Show settings").is_visible()
