# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webmail for people who use a keyboard, a screen reader or large text."""

from __future__ import annotations

from tests.lab import lab
from tests.lab.web.accessibility import WCAG, violations
from tests.lab.web.webmail import EACH_LOOK, LOOKS, Visit, address, mailbox

ALICE = "alice@example.org"
# The task and the action of each page.
PAGES = {
    "a new message": ("mail", "compose"),
    "contacts": ("addressbook", ""),
    "preferences": ("settings", "preferences"),
    "one of them": ("settings", "edit-prefs&_section=general"),
    "identities": ("settings", "identities"),
    "a new identity": ("settings", "add-identity"),
    "folders": ("settings", "folders"),
    "filters": ("settings", "plugin.managesieve"),
    "replies": ("settings", "plugin.managesieve-vacation"),
    "forwards": ("settings", "plugin.managesieve-forward"),
}


@EACH_LOOK
def test_nobody_is_kept_out_of_webmail(webmail: Visit, look: str) -> None:
    if look == "light":
        mail = lab.message("bob@example.net", ALICE)
        lab.send_from_peer(mail)
        lab.received(ALICE, mail)
    page = webmail(**LOOKS[look])
    found = {"the login": violations(page, WCAG)}
    page = mailbox(page, ALICE)
    found["the inbox"] = violations(page, WCAG)
    page.locator("#messagelist tbody tr").first.click()
    page.frame_locator("#messagecontframe").locator("#messagebody").wait_for()
    found["a message"] = violations(page, WCAG)
    frame = page.frame("messagecontframe")
    assert frame
    found["its text"] = violations(frame, WCAG)
    for name, page_address in PAGES.items():
        # One at a time: ten at once take a busy machine more than the half minute that each may.
        opened = page.context.new_page()
        opened.goto(address(*page_address), wait_until="networkidle")
        found[name] = violations(opened, WCAG)
        opened.close()
    assert {name: each for name, each in found.items() if each} == {}
