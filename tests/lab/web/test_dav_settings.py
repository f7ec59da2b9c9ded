# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients are told about calendars and contacts."""

from __future__ import annotations

import base64
import plistlib
import subprocess
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from tests.lab import lab

AUTOCONFIG = "autoconfig.example.org"
PRINCIPAL = b'<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'


def answers_its_user(host: str, path: str, login: str) -> bool:
    """Whether a CalDAV or CardDAV client finds its own collections there (RFC 5397)."""
    basic = base64.b64encode(f"{login}:{lab.password(login)}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Depth": "0", "Content-Type": "text/xml"}
    answer = lab.https(host, path, "PROPFIND", PRINCIPAL, headers)
    return answer.status == 207 and "<current-user-principal>" in answer.text.replace("D:", "")


def test_an_apple_device_logs_in_for_calendars_and_contacts(tmp_path: Path) -> None:
    query = urlencode({"address": "alice@example.org"})
    profile = tmp_path / "profile"
    profile.write_bytes(lab.https(AUTOCONFIG, f"/mail.mobileconfig?{query}").body)
    command = ["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-binary", "-in"]
    run = subprocess.run([*command, str(profile)], capture_output=True, check=True)
    payloads = plistlib.loads(run.stdout)["PayloadContent"]
    types = {payload["PayloadType"].split(".")[2]: payload for payload in payloads}
    assert types.keys() == {"mail", "caldav", "carddav"}
    for kind, prefix in (("caldav", "CalDAV"), ("carddav", "CardDAV")):
        payload = types[kind]
        assert payload[f"{prefix}UseSSL"] and payload[f"{prefix}Port"] == 443
        host, path = payload[f"{prefix}HostName"], payload[f"{prefix}PrincipalURL"]
        assert answers_its_user(host, path, payload[f"{prefix}Username"])


def test_other_programs_are_told_the_same_address() -> None:
    root = ElementTree.fromstring(lab.https(AUTOCONFIG, "/mail/config-v1.1.xml").body)
    addresses = {root.findtext(f"{element}/url") for element in ("calendar", "addressbook")}
    [address] = addresses
    assert address and answers_its_user(
        urlsplit(address).netloc, urlsplit(address).path, "alice@example.org"
    )
    assert address in lab.https(AUTOCONFIG, "/").text
