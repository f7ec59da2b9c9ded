# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail leaves by the smarthost of its sender and with the TLS that is said for its destination."""

from __future__ import annotations

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


def test_mail_of_other_senders_goes_straight_to_the_recipient() -> None:
    mail = lab.message(ALICE, BOB)

    lab.submit(mail)

    assert b"Authenticated sender" not in lab.received_at_peer(mail)


def test_the_spf_record_names_the_servers_of_the_smarthost() -> None:
    spf = '"v=spf1 mx include:_spf.example.net -all"'
    assert spf in lab.dig("shop.example.org", "TXT")
    assert spf not in lab.dig("example.org", "TXT")


def test_mail_goes_in_clear_text_where_the_policy_says_none() -> None:
    mail = lab.message(ALICE, "bob@peer.example.net")

    lab.submit(mail)

    assert b" with ESMTP " in lab.received_at_peer(mail)


def test_mail_waits_where_the_policy_is_not_met() -> None:
    # At port 25 it has a certificate that only DANE vouches for.
    mail = lab.message(ALICE, "bob@relay.example.net")

    lab.submit(mail)

    deferred = lab.eventually(
        "the deferral", lambda: lab.log_of("mx", mail, "status=deferred") or None
    )
    assert "Server certificate not" in deferred[0]
    lab.on("mx", f"postsuper -d {deferred[0].partition(':')[0]}")


def test_one_smarthost_for_all_takes_forwarded_mail_too_and_its_password_is_shown_nowhere() -> None:
    smarthost = {"host": "relay.example.net", "username": "mx", "password": SECRET}
    everybody = {"*": {**smarthost, "spf_include": "_spf.example.net"}}
    try:
        runs = [
            lab.playbook(PLAYBOOK, "--diff", "-vv", mail_smarthosts=everybody),
        ]
        own, forwarded = lab.message(ALICE, BOB), lab.message(BOB, "team@example.org")
        lab.submit(own)
        lab.send_from_peer(forwarded)
        for mail in (own, forwarded):
            arrived = lab.received_at_peer(mail)
            assert b"(Authenticated sender: mx@example.net)" in arrived
        assert b"Return-Path: <SRS0=" in lab.received_at_peer(forwarded)
        changed = {"*": {**smarthost, "password": OTHER_SECRET}}
        runs.append(lab.playbook(PLAYBOOK, "--check", "--diff", "-vv", mail_smarthosts=changed))
    finally:
        runs.append(lab.playbook(PLAYBOOK, "--diff"))
    for run in runs:
        assert lab.changed(run) == 2, run.stdout
        assert SECRET not in run.stdout and OTHER_SECRET not in run.stdout
    log = lab.on("mx", "journalctl --no-pager --since -15min")
    assert SECRET not in log
    assert lab.on("mx", "stat -c %a:%U /etc/postfix/smarthost_passwords") == "600:root\n"
