# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook check.yml sees of a healthy host, and of one with many faults at once."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab

# The controller's part is the same for both releases.
pytestmark = pytest.mark.once
DOMAIN, MX = "example.org", "mx.example.org"
V4, V6 = "198.18.0.10", "2001:2:0:10::10"
# An address to which nobody has a route.
NOWHERE = "2001:db8::25"
# A resolver that validates, one that does not; the primary, which has what is wrong; nobody.
RESOLVER, PLAIN, LIAR, NOBODY = "198.18.0.20", "198.18.0.55", lab.PRIMARY, "198.18.0.99"
FAULTS = """set -e
nft -f - <<NFT
table inet check-outside {
    chain input {
        type filter hook input priority filter
        ip saddr 198.18.0.1 tcp dport 993 drop
        ip saddr 198.18.0.1 tcp dport 4190 reject
        ip6 saddr 2001:2::1 tcp dport 25 drop
    }
}
NFT
for port in 143 3310; do
    systemd-run --quiet --unit=check-outside-$port python3 -m http.server --directory /mnt $port
done
cp -a /etc/postfix/main.cf /root/check-outside-main.cf
postconf -e 'mynetworks=0.0.0.0/0 [::]/0' 'smtpd_relay_restrictions=permit_mynetworks reject'
postfix reload
"""
REPAIRS = """
nft delete table inet check-outside
systemctl stop check-outside-143 check-outside-3310
mv /root/check-outside-main.cf /etc/postfix/main.cf
postfix reload
"""
# At the primary only: the secondary does not get them.
RECORDS = {
    (DOMAIN, "MX"): ["10 peer.example.net."],
    (f"_dmarc.{DOMAIN}", "TXT"): [],
    (f"autoconfig.{DOMAIN}", "CNAME"): ["peer.example.net."],
    (f"_caldavs._tcp.{DOMAIN}", "SRV"): [f"0 1 443 {MX}."],
}
PUBLISH = "run site.yml"
Run = subprocess.CompletedProcess[str]


def check(report: Path, **settings: Any) -> tuple[Run, dict[str, dict[str, Any]]]:
    """Run the playbook, and return its findings."""
    run = lab.playbook("pillarbox.mail.check", check_report=str(report), **settings)
    assert report.exists(), run.stdout
    [host] = json.loads(report.read_text())
    assert host["host"] == "mx"
    return run, {f"{one['check']}, {one['subject']}": one for one in host["findings"]}


@pytest.mark.first
def test_a_healthy_host_has_nothing_to_repair(tmp_path: Path) -> None:
    run, findings = check(tmp_path / "report.json")
    # The report is all that was written.
    assert lab.changed(run) == 1
    # A security update may have been published since the image was built.
    others = [one for subject, one in findings.items() if subject != "updates, security"]
    assert {one["status"] for one in others} <= {"ok", "note"}
    seen = {one["check"] for one in findings.values()}
    outside = {"port from outside", "internal port", "relay from outside", "resolver elsewhere"}
    assert outside | {"record", "DKIM", "DNSSEC"} < seen
    # Both the controller's findings and the host's own are in one text for people.
    pending = findings.get("updates, security", {}).get("status") == "warning"
    warned = "1 warning, " if pending else ""
    said = rf'"{len(findings)} findings: {warned}\d+ notes, \d+ ok"'
    assert re.search(said, run.stdout), run.stdout
    assert findings[f"resolver elsewhere, {DOMAIN} MX at {RESOLVER}"]["found"].endswith(
        ", validated"
    )


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Break many things, check once, and repair all."""
    before = {key: lab.dig(*key) for key in RECORDS}
    lab.on("internet", "lab-lag on")
    try:
        lab.publish(RECORDS)
        lab.on("mx", FAULTS)
        yield check(
            tmp_path_factory.mktemp("check") / "report.json",
            check_resolvers=[RESOLVER, PLAIN, LIAR, NOBODY],
            mail_host_addresses=[V4, V6, NOWHERE],
        )
    finally:
        lab.on("mx", REPAIRS)
        lab.publish(before)
        lab.on("internet", "lab-lag off")
        lab.on("mx", "systemctl restart unbound")


@pytest.mark.parametrize(
    ("subject", "status", "found", "remedy"),
    [
        (f"port from outside, 993, {V4}", "critical", "no answer in", "open port 993"),
        (f"port from outside, 4190, {V4}", "critical", "refused", "restart dovecot"),
        (f"port from outside, 25, {V6}", "unknown", "no answer in", "many networks"),
        (f"port from outside, {NOWHERE}", "unknown", "Network is unreachable", "where IPv6 works"),
        (f"internal port, 143, {V4}", "warning", "IMAP", "dovecot_extra"),
        (f"internal port, 3310, {V4}", "critical", "ClamAV", "ss -ltnp"),
        (f"relay from outside, {V4}", "critical", "accepts postmaster@example.com", "mynetworks"),
        (f"record, {DOMAIN} MX", "critical", "ns1.example.org (198.18.0.53)", PUBLISH),
        (f"record, _dmarc.{DOMAIN} TXT", "critical", "ns1.example.org", PUBLISH),
        (f"record, autoconfig.{DOMAIN} CNAME", "note", "does not serve", PUBLISH),
        (f"record, _caldavs._tcp.{DOMAIN} SRV", "note", "still serves", PUBLISH),
        (f"record, {MX} AAAA", "critical", "does not serve", PUBLISH),
        (f"resolver elsewhere, {DOMAIN} MX at {LIAR}", "warning", "10 peer.example.net.", "TTL"),
        (f"resolver elsewhere, {PLAIN}", "note", "not validated", ""),
        (f"resolver elsewhere, {NOBODY}", "unknown", "no answer", "check_resolvers"),
    ],
)
def test_each_fault_is_named_with_its_remedy(
    faulty: tuple[Run, dict[str, Any]], subject: str, status: str, found: str, remedy: str
) -> None:
    finding = faulty[1][subject]
    assert finding["status"] == status, finding
    assert found in finding["found"] and remedy in finding["remedy"], finding


def test_what_is_right_stays_right_beside_the_faults(faulty: tuple[Run, dict[str, Any]]) -> None:
    for subject in (
        f"port from outside, 25, {V4}",
        f"port from outside, 993, {V6}",
        "record, shop.example.org MX",
        f"resolver elsewhere, shop.example.org MX at {RESOLVER}",
        "certificate served, port 993, IPv4, ecdsa",
    ):
        assert faulty[1][subject]["status"] == "ok", faulty[1][subject]


def test_the_run_fails_with_one_message(faulty: tuple[Run, dict[str, Any]]) -> None:
    run, _findings = faulty
    assert run.returncode != 0
    [said] = re.findall(r'"msg": "(mx needs attention[^"]*)"', run.stdout)
    assert f"record, {DOMAIN} MX" in said and f"port from outside, 993, {V4}" in said
    assert " changed=1 " in run.stdout
