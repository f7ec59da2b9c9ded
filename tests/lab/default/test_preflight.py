# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said before a run of a host that is set up, and of many faults at once.

Of a bare host: tests/lab/refusals/test_preflight.py.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.preflight import Findings, preflight, worse_than_a_note

V4, V6 = "198.18.0.10", "2001:2:0:10::10"
# Without a PTR record, on no interface, and on a DNS list.
LISTED = "198.18.0.66"
FAULTS = """set -e
nft -f - <<NFT
table inet preflight {
    chain output {
        type filter hook output priority filter
        ip daddr 198.18.0.20 tcp dport 25 drop
        ip6 daddr 2001:2:0:20::20 tcp dport 25 reject with tcp reset
    }
}
NFT
systemctl stop postfix
systemd-run --quiet --unit=preflight-25 python3 -m http.server --directory /mnt 25
until ss -Hltn 'sport = :25' | grep -q .; do sleep 0.1; done
cp -a /etc/hosts /root/preflight-hosts
echo 127.0.1.1 mx.example.org mx >>/etc/hosts
"""
REPAIRS = """
nft delete table inet preflight
systemctl stop preflight-25
cat /root/preflight-hosts >/etc/hosts
rm /root/preflight-hosts
systemctl start postfix
"""
Outcome = tuple[subprocess.CompletedProcess[str], Findings]


@pytest.mark.first
def test_a_host_that_is_set_up_raises_no_false_alarm(tmp_path: Path) -> None:
    run, findings = preflight(tmp_path)
    assert run.returncode == 0, run.stdout
    assert worse_than_a_note(findings) == []
    for subject in (
        "outgoing port 25, IPv4",
        "outgoing port 25, IPv6",
        "port in use, ",
        f"address, {V4}",
        f"reverse name, {V6}",
        f"DNS list, {V4} at dnsbl.example.net",
        "DNSSEC, example.org",
    ):
        assert findings[subject]["status"] == "ok", findings[subject]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Break many things, look once, and repair all."""
    lab.on("mx", FAULTS)
    try:
        yield preflight(
            tmp_path_factory.mktemp("preflight"),
            now=time.time() - 300,
            mail_host_addresses=[V4, LISTED],
        )
    finally:
        lab.on("mx", REPAIRS)


@pytest.mark.once
@pytest.mark.parametrize(
    ("subject", "status", "found", "remedy"),
    [
        ("outgoing port 25, IPv4", "critical", "no answer in 5 s", "have the provider"),
        ("outgoing port 25, IPv6", "critical", "Connection refused", "mail_smarthosts"),
        ("port in use, 25", "critical", "python3", "stop and disable it"),
        ("clock, ", "critical", "s ahead of", "timedatectl set-ntp true"),
        ("hosts file, ", "warning", "127.0.1.1 for mx.example.org", "remove mx.example.org"),
        (f"address, {LISTED}", "note", "on no interface", ""),
        (f"reverse name, {LISTED}", "critical", "no PTR record", "set its reverse name (PTR)"),
        (f"DNS list, {LISTED} at dnsbl.example.net", "warning", "127.0.0.3", "see the web site"),
    ],
)
def test_each_fault_is_named_with_its_remedy(
    faulty: Outcome, subject: str, status: str, found: str, remedy: str
) -> None:
    finding = faulty[1][subject]
    assert finding["status"] == status, finding
    assert found in finding["found"] and remedy in finding["remedy"], finding


@pytest.mark.once
def test_what_is_right_stays_right_beside_the_faults(faulty: Outcome) -> None:
    for subject in ("memory, ", "disk, /", f"address, {V4}", f"reverse name, {V4}"):
        assert faulty[1][subject]["status"] == "ok", faulty[1][subject]


@pytest.mark.once
def test_the_run_fails_with_one_message(faulty: Outcome) -> None:
    run, _findings = faulty
    assert run.returncode != 0
    assert run.stdout.count("cannot become this mail server yet") == 2, run.stdout
    assert "- clock: " in run.stdout


@pytest.mark.once
def test_with_a_smarthost_for_all_mail_others_do_not_look_at_the_host(
    faulty: Outcome, tmp_path: Path
) -> None:
    smarthost = {"*": {"host": "relay.example.net"}}
    _run, findings = preflight(
        tmp_path, mail_smarthosts=smarthost, mail_host_addresses=[V4, LISTED]
    )
    assert findings["outgoing port 25, "]["status"] == "ok"
    assert findings[f"reverse name, {LISTED}"]["status"] == "note"
