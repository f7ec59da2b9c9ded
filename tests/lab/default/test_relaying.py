# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail uses the smarthost of its sender and the TLS policy of its destination."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
DAVE = "dave@example.org"
SECRET = (lab.STATE / "secrets/smarthost").read_text().strip()
OTHER_SECRET = "another-secret-of-the-smarthost"
PLAYBOOK = str(lab.ROOT / "tests/lab/default/relaying.yml")


@pytest.mark.parametrize(
    ("author", "port"), [("bookshop@shop.example.org", 587), ("dave@elsewhere.example", 465)]
)
def test_mail_leaves_by_the_smarthost_of_its_sender(author: str, port: int) -> None:
    mail = lab.message(author, BOB)

    lab.submit(mail, login=DAVE)

    assert b"(Authenticated sender: mx@example.net)" in lab.received_at_peer(mail)
    connection = lab.connection_of("mx", mail)
    assert connection.startswith("Verified TLS connection established to relay.example.net[")
    assert f"]:{port}: " in connection, connection


def test_mail_of_other_senders_goes_directly_to_the_recipient() -> None:
    mail = lab.message(ALICE, BOB)

    lab.submit(mail)

    assert b"Authenticated sender" not in lab.received_at_peer(mail)


def test_the_spf_record_names_the_servers_of_the_smarthost() -> None:
    spf = '"v=spf1 mx include:_spf.example.net -all"'
    assert spf in lab.dig("shop.example.org", "TXT")
    assert spf not in lab.dig("example.org", "TXT")


def test_mail_is_sent_in_cleartext_where_the_policy_is_none() -> None:
    mail = lab.message(ALICE, "bob@peer.example.net")

    lab.submit(mail)

    assert b" with ESMTP " in lab.received_at_peer(mail)


def test_mail_waits_where_the_policy_is_not_met() -> None:
    # Its certificate on port 25 is verified only by DANE.
    mail = lab.message(ALICE, "bob@relay.example.net")

    lab.submit(mail)

    deferred = lab.deferral("mx", mail)
    assert "Server certificate not" in deferred
    lab.on("mx", f"postsuper -d {deferred.partition(':')[0]}")


@pytest.mark.once
def test_one_smarthost_for_all_takes_forwarded_mail_too_and_its_password_is_shown_nowhere() -> None:
    smarthost = {"host": "relay.example.net", "username": "mx", "password": SECRET}
    everybody = {"*": {**smarthost, "spf_include": "_spf.example.net"}}
    try:
        runs = [
            lab.playbook(PLAYBOOK, "--diff", "-vvv", mail_smarthosts=everybody),
        ]
        own, forwarded = lab.message(ALICE, BOB), lab.message(BOB, "team@example.org")
        lab.submit(own)
        lab.send_from_peer(forwarded)
        for mail in (own, forwarded):
            arrived = lab.received_at_peer(mail)
            assert b"(Authenticated sender: mx@example.net)" in arrived
        assert b"Return-Path: <SRS0=" in lab.received_at_peer(forwarded)
        changed = {"*": {**smarthost, "password": OTHER_SECRET}}
        runs.append(lab.playbook(PLAYBOOK, "--check", "--diff", "-vvv", mail_smarthosts=changed))
    finally:
        runs.append(lab.playbook(PLAYBOOK, "--diff"))
    for run in runs:
        assert lab.changed(run) == 1, run.stdout
        assert SECRET not in run.stdout and OTHER_SECRET not in run.stdout
    log = lab.on("mx", "journalctl --no-pager --since -15min")
    assert SECRET not in log
    assert lab.on("mx", "stat -c %a:%U /etc/postfix/smarthost_passwords") == "600:root\n"


def deliver(recipient: str) -> EmailMessage:
    """Deliver a message from another server, for a mailbox on a third one."""
    mail = lab.message(BOB, recipient)
    swaks = f"swaks --server {lab.MX} --from {BOB} --to {recipient} --data -"
    lab.on("peer", swaks, mail.as_string())
    return mail


@pytest.mark.parametrize("domain", ["club.example.net", "guild.example.net"])
def test_mail_for_a_domain_of_another_server_is_handed_on_with_its_sender(domain: str) -> None:
    mail = deliver(f"bob@{domain}")

    arrived = lab.received_at_peer(mail)
    assert f"Return-Path: <{BOB}>".encode() in arrived
    assert f"by {lab.MX} (Postfix)".encode() in arrived


def test_no_other_server_gets_the_password_of_a_smarthost() -> None:
    # The server offers authentication, and there is a password for the sender.
    mail = lab.message("bookshop@shop.example.org", "bob@guild.example.net")

    lab.submit(mail, login=DAVE)

    assert b"Authenticated sender" not in lab.received_at_peer(mail)


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        (
            "stranger@club.example.net",
            "Recipient address rejected: User unknown in relay recipient",
        ),
        ("stranger@guild.example.net", "Recipient address rejected: undeliverable address: Unk"),
    ],
)
def test_an_unknown_recipient_of_another_server_is_refused_while_the_sender_is_connected(
    recipient: str, answer: str
) -> None:
    assert lab.answer_to(recipient).startswith(f"550 5.1.1 <{recipient}>: {answer}")


def test_mail_waits_while_the_server_of_its_domain_is_down_and_unknown_recipients_do_too() -> None:
    lab.on("peer", "systemctl stop postfix")
    try:
        listed, asked = deliver("bob@club.example.net"), deliver("bob@guild.example.net")
        never_asked = lab.answer_to(f"{listed['Subject'][5:]}@guild.example.net")
        refused = lab.answer_to("stranger@club.example.net")
    finally:
        lab.on("peer", "systemctl start postfix")
    assert never_asked.startswith("450 4.1.1 "), never_asked
    assert refused.startswith("550 5.1.1 "), refused
    lab.on("mx", "postqueue -f")
    for mail in (listed, asked):
        lab.received_at_peer(mail)


def test_spam_for_a_domain_of_another_server_is_refused() -> None:
    mail = lab.message(ALICE, "bob@club.example.net")
    swaks = f"swaks --server {lab.MX} --from {ALICE} --to {mail['To']} --data -"
    dialogue = lab.on("peer", swaks, mail.as_string(), check=False)
    assert "554 5.7.1 This looks like spam" in dialogue, dialogue
