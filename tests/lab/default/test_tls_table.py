# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox tls" says of mail that was sent and received; see docs/operating.md."""

from __future__ import annotations

import shlex
from xml.etree import ElementTree

import pytest

from tests.lab import lab
from tests.lab.encryption import AES_256_GCM, added, counted, eventually, table
from tests.lab.wire import wire

ALICE, BOB = "alice@example.org", "bob@example.net"
HELLO = "EHLO client.example.net\r\n"
CLIENT = lab.ROOT / "tests/lab/tls_client.py"


def test_a_destination_with_tlsa_records_is_verified_by_dane() -> None:
    before, _ = counted()
    mail = lab.message(ALICE, BOB)
    lab.submit(mail)
    lab.received_at_peer(mail)
    eventually(before, ("example.net", "sent", "dane", "TLSv1.3", AES_256_GCM))


def test_a_destination_without_tls_is_listed_as_such() -> None:
    before, _ = counted()
    # The lab's mail_tls_policy has "none" for it.
    mail = lab.message(ALICE, "bob@peer.example.net")
    lab.submit(mail)
    lab.received_at_peer(mail)
    eventually(before, ("peer.example.net", "sent", "clear", None, None))
    assert "peer.example.net" in table()["clear_text"]


def test_received_mail_is_counted_for_the_domain_of_its_sender() -> None:
    before, _ = counted()
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)
    eventually(before, ("example.net", "received", "encrypted", "TLSv1.3", AES_256_GCM))


def test_a_sender_without_tls_sends_clear_text() -> None:
    before, _ = counted()
    mail = lab.message(BOB, ALICE)
    text = mail.as_string().replace("\n", "\r\n")
    dialogue = (HELLO, f"MAIL FROM:<{BOB}>\r\n", f"RCPT TO:<{ALICE}>\r\n", "DATA\r\n")
    (replies,) = wire((*dialogue, f"{text}\r\n.\r\n", "QUIT\r\n"))
    assert "queued as" in replies[5], replies
    eventually(before, ("example.net", "received", "clear", None, None))


@pytest.mark.parametrize(
    ("cipher", "number"),
    [("ECDHE-RSA-AES256-GCM-SHA384", "0xC0,0x30"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "0xC0,0x2B")],
)
def test_an_older_sender_is_counted_with_its_version_and_cipher(cipher: str, number: str) -> None:
    before, _ = counted()
    mail = lab.message(BOB, ALICE)
    program = shlex.quote(CLIENT.read_text())
    lab.on("peer", f"python3 -c {program} {lab.MX} {cipher} {BOB} {ALICE}", mail.as_string())
    lab.received(ALICE, mail)
    eventually(before, ("example.net", "received", "encrypted", "TLSv1.2", number))


def test_a_sender_whose_tls_fails_is_counted_apart() -> None:
    _, without_mail = counted()
    old = f"-connect {lab.MX}:25 -starttls smtp -tls1_1 -cipher ALL:@SECLEVEL=0"
    lab.on("peer", f"openssl s_client {old} </dev/null", check=False)
    lab.eventually("it", lambda: (counted()[1] - without_mail)["silent"] or None)


def test_a_server_that_is_not_verified_is_only_encrypted() -> None:
    before, _ = counted()
    mail = lab.message(ALICE, "bob@policy.example.net")
    lab.submit(mail)
    lab.received_at_peer(mail)
    eventually(before, ("policy.example.net", "sent", "encrypted", "TLSv1.3", AES_256_GCM))


def test_a_connection_without_mail_is_counted_apart() -> None:
    _, without_mail = counted()
    wire((HELLO, "QUIT\r\n"))
    wire((HELLO, f"MAIL FROM:<{BOB}>\r\n", "RCPT TO:<nobody@example.org>\r\n", "QUIT\r\n"))

    def more() -> bool | None:
        found = counted()[1] - without_mail
        return True if found["silent"] and found["refused"] else None

    lab.eventually("the connections", more)


def test_mail_between_users_has_no_partner() -> None:
    before, _ = counted()
    mail = lab.message(ALICE, "dave@example.org")
    lab.submit(mail)
    lab.received("dave@example.org", mail)
    assert not [row for row in added(before) if row[0] == "example.org"]


def test_the_timer_counts_too_and_nothing_is_counted_twice() -> None:
    assert lab.on("mx", "systemctl is-active pillarbox-tls.timer").strip() == "active"

    def nothing() -> bool | None:
        before, _ = counted()
        lab.on("mx", "systemctl start pillarbox-tls.service")
        return None if added(before) else True

    # Mail of other tests may arrive in between.
    lab.eventually("a reading that adds nothing", nothing)


def test_neither_an_address_nor_a_user_is_stored() -> None:
    stored = lab.on("mx", "grep -ao '[[:print:]]*' /var/lib/pillarbox/tls.sqlite")
    assert "example.net" in stored
    for secret in ("alice", "bob", "198.18.0.", "2001:2:0:"):
        assert secret not in stored
    assert lab.on("mx", "stat -c '%a %U' /var/lib/pillarbox/tls.sqlite").strip() == "600 root"


def test_there_is_a_table_and_a_chart() -> None:
    assert "In clear text:" in lab.on("mx", "pillarbox tls")
    assert AES_256_GCM in lab.on("mx", "pillarbox tls ciphers")
    chart = ElementTree.fromstring(lab.on("mx", "pillarbox tls chart"))
    assert chart.tag == "{http://www.w3.org/2000/svg}svg"
