# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without mailboxes relays mail, and only its own networks may send through it.

Peer is the inside server by its IPv4 address, and an outside one by its IPv6 address, as in
lab/router.yml.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.checks import check
from tests.lab.runs import runs

# The address family of the host's address decides which address peer uses.
FROM_INSIDE, FROM_OUTSIDE = "198.18.0.10", "2001:2:0:10::10"
BOB = "bob@example.net"
CLERK = "bob@example.org"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


@pytest.fixture(scope="module", autouse=True)
def inside_server() -> Iterator[None]:
    """Let peer host the mailboxes of example.org."""
    domains = "$(postconf -xh mydestination)"
    lab.on("peer", f'postconf -e "mydestination={domains}, example.org"; postfix reload')
    yield
    lab.on("peer", "postconf -e 'mydestination = $mydomain, $myhostname, localhost'")


def deliver(mail: EmailMessage, to: str, sender: str | None = None) -> str:
    """Send a message to the router, and return its last reply before that to QUIT."""
    author = mail["From"] if sender is None else sender
    swaks = f"swaks --server {to} --from '{author}' --to {mail['To']} --data -"
    dialogue = lab.on("peer", f"{swaks} --helo peer.example.net", mail.as_string(), check=False)
    answers: list[str] = re.findall(r"^<[*~-]*\s+(\d{3} .*)$", dialogue, re.MULTILINE)
    return answers[-2]


def test_the_runs_before_were_as_predicted_and_the_second_changed_nothing() -> None:
    before, first, second, after = runs((lab.LOGS / f"{lab.SCENARIO}-ansible.log").read_text())
    assert first.failed == [] and before.changed == first.changed
    assert second.changed == after.changed == []


def test_mail_from_outside_is_handed_on_filtered_with_its_sender() -> None:
    mail = lab.message(BOB, CLERK)

    assert deliver(mail, FROM_OUTSIDE).startswith("250")

    arrived = lab.received_at_peer(mail)
    assert f"Return-Path: <{BOB}>".encode() in arrived
    assert b"Authentication-Results: mx.example.org" in arrived
    assert b"spf=pass" in arrived


def test_spam_for_the_inside_is_refused() -> None:
    assert deliver(lab.message(BOB, CLERK, GTUBE), FROM_OUTSIDE).startswith("554 5.7.1")


@pytest.mark.parametrize("stranger", ["stranger@example.org", "stranger@club.example.net"])
def test_a_recipient_unknown_inside_is_refused(stranger: str) -> None:
    def refused() -> str | None:
        # 450 until the inside server has answered.
        answer = deliver(lab.message(BOB, stranger), FROM_OUTSIDE)
        return answer if answer.startswith("550 5.1.1") else None

    lab.eventually("the refusal", refused)


def test_mail_from_inside_leaves_signed_over_a_dane_verified_connection() -> None:
    mail = lab.message(CLERK, BOB)

    assert deliver(mail, FROM_INSIDE).startswith("250")

    arrived = lab.received_at_peer(mail)
    assert lab.signatures(arrived) == [("e1", True), ("r1", True)]
    assert lab.verdicts(arrived) >= {"spf=pass", "dmarc=pass"}
    connection = lab.connection_of("mx", mail)
    assert connection.startswith("Verified TLS connection established to peer.example.net[")


def test_an_ipv6_network_may_send_too() -> None:
    commands = "'HELO ns1.example.net' 'MAIL FROM:<bob@example.org>' 'RCPT TO:<bob@example.net>'"
    dialogue = (
        f"exec 3<>/dev/tcp/{FROM_OUTSIDE}/25; read -r answer <&3; for command in {commands}; do"
        ' printf \'%s\\r\\n\' "$command" >&3; read -r answer <&3; done; echo "$answer"'
    )
    assert lab.on("internet", f"bash -c {shlex.quote(dialogue)}").startswith("250 2.1.5")


@pytest.mark.parametrize("sender", [BOB, CLERK, "<>"])
def test_nobody_else_may_send_by_it(sender: str) -> None:
    answer = deliver(lab.message(CLERK, BOB), FROM_OUTSIDE, sender)
    assert answer.startswith("554 5.7.1") and "Relay access denied" in answer


def test_it_keeps_no_mail_and_offers_no_logins() -> None:
    assert lab.on("mx", "ls -d /etc/dovecot /etc/fail2ban", check=False).count("No such file") == 2
    ports = set(re.findall(r"(?:0\.0\.0\.0|\*|\[::\]):(\d+) ", lab.on("mx", "ss -Hltn")))
    assert ports == {"22", "25"}
    assert lab.dig("_25._tcp.mx.example.org", "TLSA")
    assert lab.dig("_993._tcp.mx.example.org", "TLSA") == []
    assert lab.dig("_imaps._tcp.example.org", "SRV") == []


def test_mail_of_the_host_goes_to_the_postmaster_elsewhere() -> None:
    mail = lab.message("root@mx.example.org", "root")

    lab.on("mx", "sendmail -f root root", mail.as_string())

    lab.received_at_peer(mail)


def test_a_network_that_is_the_internet_is_refused() -> None:
    router = f"@{lab.ROOT}/lab/router.yml"
    run = lab.site("--check", "-e", router, mail_relay_networks=["0.0.0.0/0"])
    assert run.returncode != 0
    assert "mail_relay_networks[0]: 0.0.0.0/0 covers much of the Internet" in run.stdout


@pytest.mark.first
def test_a_check_finds_nothing_wrong_with_a_host_without_mailboxes() -> None:
    found = check()["findings"]
    assert [finding for finding in found if finding["status"] not in ("ok", "note")] == []
