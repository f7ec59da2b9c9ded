# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Odd set-ups: "pillarbox check" raises no alarm if they are right, and finds what is a fault.

Each is made on the host and in DNS as its operator would have it, with the settings as site.yml
would record them. A fault is found with its remedy, and hides nothing else. Further set-ups are
those of the other scenarios.
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


def unbound(*lines: str) -> tuple[str, str]:
    """Return commands that add lines to the configuration of the resolver, and remove them."""
    file = "/etc/unbound/unbound.conf.d/zz-odd.conf"
    restart = "systemctl reset-failed unbound; systemctl restart unbound"
    text = "\\n".join(["server:", *lines, ""])
    return f"printf '{text}' >{file}; {restart}", f"rm -f {file}; {restart}"


class Setup(NamedTuple):
    """Settings of the part of a role, commands on a host with those that undo them, and records."""

    role: str = "base"
    settings: dict[str, Any] = {}
    host: str = "mx"
    do: str = "true"
    undo: str = "true"
    records: Records = {}
    # What is a fault of it: words of the remedy, by check.
    faults: dict[str, str] = {}


# As routers do, with a private address on the host, and its public one elsewhere.
ROUTED = "198.18.0.77"
NAMED, UNNAMED = unbound(f'    local-data-ptr: "{ROUTED} {MX}"')
UNSIGNED, SIGNED = unbound('    domain-insecure: "example.org"')
# What a captive portal does: any name has the same address, and nothing is signed.
LYING, HONEST = unbound(
    '    module-config: "iterator"',
    '    local-zone: "." redirect',
    '    local-data: ". 60 IN A 198.18.0.20"',
)
# A container has no clock of its own to set; this is what the resolver makes of a wrong one.
IN_2036, NOW = unbound('    val-override-date: "20360101000000"')
# Copies of one message, due in an hour, so that they stay.
TEN_THOUSAND = f"""set -e
printf 'Subject: odd\\n\\n' | sendmail -f alice@{DOMAIN} 'nobody@[198.18.0.99]'
python3 - <<'END'
import os, pwd, time
from contextlib import suppress
from pathlib import Path
queue = Path("/var/spool/postfix")
content = b""
while not content:
    for file in [*queue.glob("active/*"), *queue.glob("deferred/*/*")]:
        # It moves from one to the other.
        with suppress(FileNotFoundError):
            content = file.read_bytes()
os.umask(0o077)
os.setegid(pwd.getpwnam("postfix").pw_gid)
os.seteuid(pwd.getpwnam("postfix").pw_uid)
for number in range(10_000):
    name = f"{{number:010X}}"
    file = queue / "deferred" / name[0] / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o700)
    os.utime(file, (time.time() + 3600,) * 2)
END
"""


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
    # As if the parent zone had no DS record.
    "without DNSSEC": Setup(do=UNSIGNED, undo=SIGNED),
    "behind a router that translates addresses": Setup(
        settings={"addresses": [ROUTED, "2001:2:0:10::10"]},
        do=f"{NAMED}; ip address add 10.9.0.2/24 dev eth0"
        " && ip route add 198.41.0.4 via 10.9.0.1 src 10.9.0.2",
        undo=f"{UNNAMED}; ip address del 10.9.0.2/24 dev eth0",
        records={(MX, "A"): [ROUTED]},
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
    "a parked domain; others without CAA, MTA-STS and SRV": Setup(
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
    "a resolver that lies": Setup(do=LYING, undo=HONEST, faults={"resolver": "resolver_extra"}),
    "a clock that is off": Setup(do=IN_2036, undo=NOW, faults={"resolver": "timedatectl"}),
    "10,000 queued messages": Setup(
        do=TEN_THOUSAND,
        undo="postsuper -d ALL deferred",
        faults={"queue": "postqueue -p"},
    ),
}
# What is found without DNS: no fault of it hides these.
WITHOUT_DNS = {"certificate served", "disk", "greeting", "old TLS", "quota"}


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


def of(status: str, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in findings if finding["status"] == status]


@pytest.mark.parametrize("name", SETUPS)
def test_an_odd_setup_raises_no_alarm_and_hides_no_fault(name: str) -> None:
    setup = SETUPS[name]
    with made(setup):
        findings = check()["findings"]
    bad = [f for f in of("critical", findings) + of("warning", findings) if f["check"] not in OWN]
    if "strangers" in name:
        assert "Out of memory" not in json.dumps(bad)
    for part, remedy in setup.faults.items():
        assert [f for f in bad if f["check"] == part and remedy in f["remedy"]], bad
    if "resolver" in setup.faults:
        assert [f for f in bad if f["check"] in WITHOUT_DNS] == []
        assert {f["check"] for f in of("ok", findings)} >= WITHOUT_DNS
        return
    assert [f for f in bad if f["check"] not in setup.faults] == []
    unknown = of("unknown", findings)
    assert [f["check"] for f in unknown] == (["name servers"] if "is down" in name else [])
