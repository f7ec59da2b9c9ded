# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, sync_playwright

from tests.lab.lab import ADDRESSES, STATE
from tests.lab.web.webmail import SCREEN, SITE, Visit


def pin() -> str:
    """Return the hash of the key of the CA that issues the mail host's certificates."""
    issuer = x509.load_pem_x509_certificate((STATE / "tls/pebble-intermediate.pem").read_bytes())
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. It knows the lab's names, and the lab's CA by its key."""
    names = ", ".join(f"MAP {name} {address}" for name, address in ADDRESSES.items())
    arguments = [
        f"--host-resolver-rules={names}",
        f"--ignore-certificate-errors-spki-list={pin()}",
        "--disable-gpu",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", chromium_sandbox=False, args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def webmail(browser: Browser) -> Iterator[Visit]:
    """Open webmail, which must ask no other site and violate none of its own rules."""
    problems: list[str] = []

    def heard(kind: str, text: str) -> None:
        # Chromium reports refused logins as errors, too.
        if kind in ("error", "warning") and "status of 401" not in text:
            problems.append(text)

    def asked(url: str) -> None:
        if not url.startswith((f"{SITE}/", "data:", "blob:")):
            problems.append(f"foreign: {url}")

    def visit(**look: Any) -> Page:
        context = browser.new_context(**{"locale": "en-US", **SCREEN, **look})
        # On all pages that a test opens.
        context.on("console", lambda message: heard(message.type, message.text))
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("request", lambda request: asked(request.url))
        page = context.new_page()
        page.goto(SITE)
        return page

    yield visit
    for context in browser.contexts:
        context.close()
    assert problems == []
