# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rspamd's web interface: one password to read, another one to make changes."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, ConsoleMessage

from tests.lab import lab
from tests.lab.lab import ADDRESSES, MX

PAGE = f"https://{MX}/rspamd/"
READ, CHANGE = (
    (lab.STATE / "secrets" / f"rspamd-{purpose}").read_text().strip()
    for purpose in ("read", "change")
)
# What Rspamd takes for requests of the host itself, and answers without a password.
CLAIMS = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-For: ::1",
    "X-Real-IP: 127.0.0.1",
    "X-Forwarded-For: 198.18.0.20, 127.0.0.1",
    "Forwarded: for=127.0.0.1",
]
SOCKET = "--unix-socket /run/rspamd/web/controller.sock http://localhost"


def status(path: str, password: str = "", method: str = "GET", body: str | None = None) -> int:
    headers = {"Password": password} if password else {}
    return lab.https(MX, f"/rspamd{path}", method, body, headers).status


def test_one_password_reads_and_the_other_also_changes() -> None:
    assert [status("/stat", password) for password in ("", "wrong", READ, CHANGE)] == [
        401,
        401,
        200,
        200,
    ]
    mail = "Subject: To learn\n\nA text with a few words.\n"
    assert status("/learnham", READ, "POST", mail) == 401
    # 204 and 208: it has too few words, or was learnt already.
    assert status("/learnham", CHANGE, "POST", mail) in (200, 204, 208)


@pytest.mark.parametrize("claim", CLAIMS)
def test_nobody_passes_for_the_host_itself(claim: str) -> None:
    curl = f"curl -sk -o /dev/null -w '%{{http_code}}' -H '{claim}'"
    # From another host, and from the host itself over its loopback interface.
    for host, address in (("peer", ADDRESSES[MX]), ("mx", "127.0.0.1")):
        request = f"{curl} --resolve {MX}:443:{address} {PAGE}stat"
        assert lab.on(host, request) == "401"
    # fail2ban does not count the host itself.
    assert lab.on("mx", f"{request} -H 'Password: wrong'") == "401"


def test_rspamd_alone_would_believe_such_a_claim() -> None:
    curl = "curl -s -o /dev/null -w '%{http_code}' -H 'Password: wrong'"
    assert lab.on("mx", f"{curl} -H '{CLAIMS[0]}' {SOCKET}/stat") == "200"
    as_nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    lab.on("mx", f"! {as_nobody} {curl} {SOCKET}/stat")


def test_the_passwords_are_not_on_the_host() -> None:
    file = "/etc/rspamd/local.d/worker-controller.inc"
    assert lab.on("mx", f"stat -c '%U %G %a' {file}") == "root _rspamd 640\n"
    for password in (READ, CHANGE):
        lab.on("mx", f"! grep -rqF {password} /etc /var/lib/rspamd /var/lib/pillarbox")


def test_the_interface_works_in_a_browser_under_its_policy(browser: Browser) -> None:
    messages: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            messages.append(message.text)

    with browser.new_context() as context:
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(PAGE)
        # The dialog cannot be closed while it fades in; it takes the focus when it has.
        page.wait_for_selector("#connectPassword:focus")
        page.fill("#connectPassword", READ)
        page.click("#connectButton")
        page.wait_for_selector("#statWidgets", state="visible")
        for tab in ("configuration", "history"):
            page.click(f"#{tab}_nav")
            page.wait_for_selector(f"#{tab}", state="visible")
        page.wait_for_load_state("networkidle")
    # It first tries to do without a password.
    refused = "Failed to load resource: the server responded with a status of 401"
    assert [message for message in messages if not message.startswith(refused)] == []
    assert json.loads(lab.https(MX, "/rspamd/auth", headers={"Password": READ}).text)["read_only"]
