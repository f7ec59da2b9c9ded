# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record set of the lab's settings in a zone in which others have records too."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.lab import changed

HERE = Path(__file__).parent
SECONDARY = "198.18.0.54"
# Made by the name server itself, and made anew with every change.
SERVERS_OWN = ("SOA", "RRSIG", "NSEC", "DNSKEY", "CDS", "CDNSKEY", "TYPE65534", "TSIG")


def records(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Bring the zone to the record set of the inventory, with settings on top of it."""
    return lab.playbook(str(HERE / "records.yml"), *arguments, **settings)


def zone() -> set[str]:
    """All lines of the zone but the name server's own."""
    key = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
    transfer = f"dig @{lab.PRIMARY} example.org AXFR -y hmac-sha256:record-set:{key} +noall +answer"
    lines = (line.split(None, 4) for line in lab.on("internet", transfer).splitlines())
    return {" ".join(line) for line in lines if line[3] not in SERVERS_OWN}


def serial(server: str = lab.PRIMARY) -> int:
    return int(lab.dig("example.org", "SOA", server)[0].split()[2])


def names(lines: set[str]) -> set[str]:
    return {line.split()[0] for line in lines}


@pytest.fixture(scope="module")
def foreign() -> set[str]:
    """What the zone has before the first run."""
    return zone()


def test_a_check_shows_the_records_with_their_reasons_and_changes_nothing(
    foreign: set[str],
) -> None:
    before = serial()
    run = records("--check", "--diff")
    assert changed(run) == 1
    assert '+example.org. 3600 IN TXT "v=spf1 mx -all" ; SPF, the servers' in run.stdout
    assert "+example.org. 5 IN MX 10 mx.example.org. ; where mail for" in run.stdout
    assert (serial(), zone()) == (before, foreign)


def test_the_first_run_adds_the_records_and_leaves_what_others_have(foreign: set[str]) -> None:
    assert changed(records()) == 1
    assert foreign < zone()
    assert lab.dig("example.org", "MX", SECONDARY) == ["10 mx.example.org."]
    assert lab.dig("_imaps._tcp.example.org", "SRV") == ["0 1 993 mx.example.org."]
    assert lab.dig("_pop3._tcp.example.org", "SRV") == ["0 0 0 ."]


def test_the_second_run_sends_nothing() -> None:
    before = serial()
    assert changed(records()) == 0
    assert changed(records("--check")) == 0
    assert serial() == before


def dns_without_a_server() -> dict[str, Any]:
    secret = (lab.STATE / "secrets" / "tsig-record-set").read_text().strip()
    return {"provider": "rfc2136", "ttl": lab.TTL, "tsig_name": "record-set", "tsig_secret": secret}


def test_the_primary_may_be_the_one_that_the_zone_names(tmp_path: Path) -> None:
    found = lab.by_the_labs_resolver(tmp_path)
    assert changed(records(within=found, mail_dns=dns_without_a_server())) == 0
    two: dict[str, Any] = {"example.org": {}, "example.net": {}}
    run = records(within=found, mail_dns=dns_without_a_server(), mail_domains=two)
    assert run.returncode != 0
    assert "example.net at ns1.example.net, example.org at ns1.example.org" in run.stdout, (
        run.stdout
    )


def test_a_changed_value_changes_no_other_record() -> None:
    before = zone()
    softer = {"example.org": {"dmarc": {"p": "quarantine"}}}
    assert changed(records(mail_domains=softer)) == 1
    assert names(before ^ zone()) == {"_dmarc.example.org."}
    assert changed(records()) == 1
    assert zone() == before


def test_what_is_switched_off_again_is_gone() -> None:
    before = zone()
    on = {
        "mail_tls_rpt_rua": ["mailto:postmaster@example.org"],
        "mail_mta_sts": {"mode": "testing"},
        "mail_client_autoconfig": True,
    }
    assert changed(records(**on)) == 1
    assert names(zone() - before) == {
        f"{label}.{domain}."
        for label in ("_smtp._tls", "_mta-sts", "mta-sts", "autoconfig", "autodiscover")
        for domain in ("example.org", "shop.example.org")
    }
    assert changed(records(mail_srv_records=False)) == 1
    assert not [line for line in zone() if " SRV " in line]
    assert changed(records()) == 1
    assert zone() == before


def test_the_permission_for_reports_to_another_domain_here_is_published() -> None:
    reports = {
        "example.org": {"dmarc": {"rua": ["mailto:dmarc@reports.example.org"]}},
        "reports.example.org": {},
    }
    assert changed(records(mail_domains=reports)) == 1
    # Related domains need none (RFC 9990 section 4).
    assert lab.dig("example.org._report._dmarc.reports.example.org", "TXT") == []
    assert lab.dig("reports.example.org", "MX") == ["10 mx.example.org."]


def test_a_parked_domain_says_that_it_has_no_mail() -> None:
    parked = {"example.org": {}, "reports.example.org": {"parked": True}}
    assert changed(records(mail_domains=parked)) == 1
    assert lab.dig("reports.example.org", "MX") == ["0 ."]
    assert lab.dig("reports.example.org", "TXT") == ['"v=spf1 -all"']
    assert changed(records(mail_domains=parked)) == 0


def test_the_key_of_the_mail_host_may_change_nothing_but_the_challenge() -> None:
    key = (lab.STATE / "secrets" / "tsig-acme").read_text().strip()
    update = f"nsupdate -v -y hmac-sha256:acme:{key}"

    def send(line: str) -> str:
        lines = f"server {lab.PRIMARY}\nzone example.org\nupdate {line}\nsend\n"
        return lab.on("internet", update, lines, check=False)

    before = zone()
    for line in (
        "add example.org 60 MX 5 mx.example.net.",
        "add _25._tcp.mx.example.org 60 TLSA 3 1 1 " + "ab" * 32,
        "add _acme-challenge.example.org 60 TXT x",
        "add _acme-challenge.mx.example.org 60 CNAME mx.example.net.",
    ):
        assert "REFUSED" in send(line), line
    assert zone() == before
    assert send("add _acme-challenge.mx.example.org 60 TXT x") == ""
    assert send("delete _acme-challenge.mx.example.org TXT") == ""
    assert zone() == before


def test_a_secondary_that_lags_is_waited_for_and_named_when_it_takes_too_long() -> None:
    lab.on("internet", "lab-lag on")
    try:
        run = lab.playbook(str(HERE / "lagging.yml"), text="one", seconds=3)
    finally:
        lab.on("internet", "lab-lag off")
    assert run.returncode != 0
    assert "After a timeout of 3 seconds, ns2.example.org" in run.stdout, run.stdout
    assert lab.dig("_lagging.example.org", "TXT") == ['"one"']

    assert lab.playbook(str(HERE / "lagging.yml"), text="two", seconds=20).returncode == 0
    assert lab.dig("_lagging.example.org", "TXT", SECONDARY) == ['"two"']
