# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, sync_playwright

from tests.lab.lab import ADDRESSES, STATE


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
