# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server works with another value for each setting."""

from __future__ import annotations

import re
import smtplib
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.certificates import certificate, in_a_mail_program, send
from tests.lab.checks import check
from tests.lab.runs import runs
from tests.lab.wire import wire

ALICE, CAROL, BOB = "alice@example.org", "carol@example.org", "bob@example.net"
SETTINGS = f"@{lab.ROOT}/lab/alternative.yml"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice's client certificate and key."""
    directory = tmp_path_factory.mktemp("certificates")
    certificate(directory, ALICE, "present", "-e", SETTINGS)
    return in_a_mail_program(directory, ALICE)


def test_the_runs_before_were_as_predicted_and_the_second_changed_nothing() -> None:
    before, first, second, after = runs((lab.LOGS / f"{lab.SCENARIO}-ansible.log").read_text())
    assert first.failed == [] and before.changed == first.changed
    assert second.changed == after.changed == []


def test_mail_arrives_over_a_connection_that_the_rsa_key_verifies() -> None:
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    arrived = lab.received(ALICE, mail)
    connection = lab.connection_of("peer", mail)
    assert connection.startswith("Verified TLS connection established to mx.example.org[")
    assert "RSA-PSS" in connection, connection
    assert b"X-Spamd-Result: " in arrived and b"ARC-Seal: " in arrived


def test_mail_leaves_by_the_smarthost_signed_by_the_one_key(pem: Path) -> None:
    mail = lab.message(ALICE, BOB)
    send(mail, pem, ALICE)
    arrived = lab.received_at_peer(mail)
    assert lab.signatures(arrived) == [("main", True)]
    assert "dmarc=pass" in lab.verdicts(arrived)
    (sent,) = lab.log_of("mx", mail, "status=sent")
    assert "relay=relay.example.net[198.18.0.20]:465" in sent
    assert lab.log_of("peer", mail, "sasl_username=mx")


def test_a_password_alone_sends_nothing() -> None:
    with pytest.raises(smtplib.SMTPException, match="No client certificate presented"):
        send(lab.message(ALICE, BOB), None, ALICE)


def test_forwarded_mail_leaves_by_the_smarthost_too_with_a_sender_of_this_host() -> None:
    mail = lab.message(BOB, "team@example.org")
    lab.send_from_peer(mail)
    assert b"Return-Path: <SRS0=" in lab.received_at_peer(mail)
    lab.received(ALICE, mail)


def test_the_catch_all_gets_all_other_mail_and_a_sub_address_has_its_folder() -> None:
    with lab.imap(CAROL) as session:
        session.create("shop")
    anything, sub_address = (
        lab.message(BOB, f"{name}@example.org") for name in ("x", "carol-shop")
    )
    lab.send_from_peer(anything)
    lab.send_from_peer(sub_address)
    lab.received(CAROL, anything)
    lab.received(CAROL, sub_address, "shop")


def test_the_backup_mx_accepts_mail_for_known_recipients() -> None:
    mail = lab.message(ALICE, "bob@club.example.net")
    swaks = f"swaks --server {lab.MX} --from {BOB} --tls --data - --to"
    stranger = lab.on("peer", f"{swaks} stranger@club.example.net", mail.as_string(), check=False)
    assert "550 5.1.1 <stranger@club.example.net>: Recipient address rejected" in stranger
    lab.on("peer", f"{swaks} {mail['To']}", mail.as_string())
    lab.received_at_peer(mail)


def test_clear_text_is_refused() -> None:
    (replies,) = wire(("EHLO client.example.net\r\n", f"MAIL FROM:<{BOB}>\r\n"))
    assert replies[2].startswith("530 5.7.0 Must issue a STARTTLS command first"), replies


def test_mail_and_indexes_are_in_their_other_places() -> None:
    lab.on("mx", "test -d /srv/mail/example.org/alice/ -a -d /srv/index/")
    assert "No such file" in lab.on("mx", "ls /var/vmail/example.org", check=False)


def test_no_port_but_those_asked_for_is_open_and_nobody_is_banned() -> None:
    ports = set(re.findall(r"(?:0\.0\.0\.0|\*|\[::\]):(\d+) ", lab.on("mx", "ss -Hltn")))
    assert ports == {"22", "25", "465", "587", "993", "995"}
    assert "pillarbox" not in lab.on("mx", "fail2ban-client status", check=False)


def test_the_records_match_the_settings() -> None:
    key = "openssl pkey -pubin -outform DER | openssl dgst -sha512 -r"
    digest = lab.on("mx", f"openssl x509 -in /etc/pillarbox/tls/rsa.pem -noout -pubkey | {key}")
    tlsa = [record.upper() for record in lab.dig("_25._tcp.mx.example.org", "TLSA")]
    assert f"3 1 2 {digest.split()[0].upper()}" in [
        " ".join(record.split()[:3] + ["".join(record.split()[3:])]) for record in tlsa
    ]
    assert {record.split()[2] for record in tlsa} == {"2"}
    assert lab.dig("_465._tcp.mx.example.org", "TLSA") == []
    assert "20 peer.example.net." in lab.dig("example.org", "MX")
    assert "include:_spf.example.net ~all" in str(lab.dig("example.org", "TXT"))
    assert "include:_spf.example.net -all" in str(lab.dig("shop.example.org", "TXT"))
    policy = str(lab.dig("_dmarc.example.org", "TXT"))
    assert "p=quarantine" in policy and "rua=mailto:dmarc_and_tls@example.org" in policy
    assert "rua=" not in str(lab.dig("_dmarc.shop.example.org", "TXT"))
    assert lab.dig("_imaps._tcp.example.org", "SRV") == []
    # Without a web server here, only what the settings say that another one serves.
    assert lab.dig("autoconfig.example.org", "CNAME") == []
    assert lab.dig("mta-sts.example.org", "CNAME") == ["mx.example.org."]
    assert "v=STSv1" in str(lab.dig("_mta-sts.example.org", "TXT"))
    assert "mailto:postmaster@example.org" in str(lab.dig("_smtp._tls.example.org", "TXT"))


@pytest.mark.first
def test_a_check_finds_only_that_the_other_web_server_does_not_exist() -> None:
    found = check()["findings"]
    faults = [finding for finding in found if finding["status"] not in ("ok", "note")]
    assert {finding["check"] for finding in faults} == {"MTA-STS"}, faults
    assert all("web server that answers" in finding["remedy"] for finding in faults)
