# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-ups that are unusual, but right: "pillarbox check" raises no alarm about them.

Each is made on the host and in DNS as its operator would have it, with the settings as site.yml
would record them. Further ones are those of the other scenarios.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from tests.lab import lab
from tests.lab.checks import Records, check, replaced

# What is unusual about them does not depend on the release.
pytestmark = pytest.mark.once
DOMAIN, SHOP, MX = "example.org", "shop.example.org", "mx.example.org"
PARTS = "/etc/pillarbox/parts"
# What these tests change by hand, and what others have crashed, is rightly found.
OWN = ("drift", "log")


class Setup(NamedTuple):
    """Settings of the part of a role, commands on a host with those that undo them, and records."""

    role: str = "base"
    settings: dict[str, Any] = {}
    host: str = "mx"
    do: str = "true"
    undo: str = "true"
    records: Records = {}


SETUPS = {
    "without IPv6": Setup(
        settings={"addresses": ["198.18.0.10"]},
        do="cp -a /etc/postfix/main.cf /root && postconf -e inet_protocols=ipv4"
        " && systemctl restart postfix",
        undo="mv /root/main.cf /etc/postfix/main.cf && systemctl restart postfix",
        records={(MX, "AAAA"): []},
    ),
    # Its reverse names and SPF are those of the smarthost.
    "all mail leaves by a smarthost": Setup(
        role="postfix",
        settings={"smarthosts": ["*"]},
        records={(MX, "TXT"): [], (DOMAIN, "TXT"): [], (SHOP, "TXT"): []},
    ),
    "another server is preferred, and this one the backup": Setup(
        records={
            (SHOP, "MX"): ["10 peer.example.net.", f"20 {MX}."],
            (f"_mta-sts.{SHOP}", "TXT"): [],
        },
    ),
    "DNS by hand, with records of others": Setup(
        settings={"dns": "zonefile"},
        records={
            (SHOP, "TXT"): ['"v=spf1 mx -all"', '"site-verification=4711"', '"MS=ms123"'],
            (f"news._domainkey.{SHOP}", "TXT"): ['"v=DKIM1; k=rsa; p="'],
            (f"_dmarc.{SHOP}", "TXT"): [f'"v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}"'],
            (f"{SHOP}._report._dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1"'],
            (f"_imaps._tcp.{SHOP}", "SRV"): ["0 0 0 ."],
            (MX, "CAA"): [
                '0 issue "ca.example.net"',
                '0 issue "acme.example.net; validationmethods=dns-01,http-01"',
            ],
        },
    ),
    "without CAA, MTA-STS and SRV": Setup(
        settings={"domains": [DOMAIN, SHOP], "parked": ["unsigned.example.net"], "caa": ""},
        records={
            (f"_mta-sts.{SHOP}", "TXT"): [],
            (f"_imaps._tcp.{SHOP}", "SRV"): [],
            (f"_submissions._tcp.{SHOP}", "SRV"): [],
        },
    ),
    "a name server is down": Setup(
        host="internet",
        do="systemctl stop named@secondary",
        undo="systemctl start named@secondary",
        # Removed when it runs again, so that it hears of all that it missed.
        records={(f"down.{DOMAIN}", "TXT"): ["down"]},
    ),
    "strangers write what looks like a fault": Setup(
        do="logger -p mail.crit -t postfix/smtpd 'Out of memory: Killed process 1 (dovecot)';"
        " logger -p user.err 'I/O error, dev sda';"
        " logger -p mail.err 'fatal: \033[2J a service was killed by the OOM killer'",
    ),
}


@contextmanager
def made(setup: Setup) -> Iterator[None]:
    file = f"{PARTS}/{setup.role}.json"
    before = lab.on("mx", f"cat {file}")
    with replaced(setup.records):
        try:
            lab.on(setup.host, setup.do)
            lab.on("mx", f"cat >{file}", json.dumps({**json.loads(before), **setup.settings}))
            yield
        finally:
            lab.on("mx", f"cat >{file}", before)
            lab.on(setup.host, setup.undo)


@pytest.mark.parametrize("name", SETUPS)
def test_an_unusual_setup_raises_no_alarm(name: str) -> None:
    with made(SETUPS[name]):
        findings = check()["findings"]
    bad = [finding for finding in findings if finding["status"] in ("warning", "critical")]
    assert [finding for finding in bad if finding["check"] not in OWN] == []
    if name.startswith("strangers"):
        assert "Out of memory" not in json.dumps(bad)
    unknown = [finding for finding in findings if finding["status"] == "unknown"]
    assert [f["check"] for f in unknown] == (["name servers"] if "is down" in name else [])
