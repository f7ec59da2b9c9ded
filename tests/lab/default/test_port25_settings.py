# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port 25 with DNS lists that fail, and with settings that are off by default."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.wire import wire

PORT25 = str(Path(__file__).with_name("port25.yml"))
ALICE = "alice@example.org"
BOB = "bob@example.net"
# Addresses of peer. Neither has a name; the second is permitted by the lab's settings.
NAMELESS, PERMITTED = "198.18.0.67", "198.18.0.81"
TO_ALICE = ("EHLO client.example.net\r\n", f"MAIL FROM:<{BOB}>\r\n", f"RCPT TO:<{ALICE}>\r\n")

LISTS = {
    "dnsbl.example.net": {"127.0.0.[2..4]": 3},
    "nobody.example.net": {"127.0.0.[2..11]": 3},
    "refusing.example.net": {"127.0.0.[2..11]": 3},
    "silent.example.net": {"127.0.0.[2..11]": 3},
    "everybody.example.net": {"127.0.0.[2..11]": 1},
}


@pytest.fixture(scope="module", autouse=True)
def changed_settings() -> Iterator[None]:
    run = lab.playbook(
        PORT25,
        postfix_dnsbls=LISTS,
        postfix_client_names="reverse",
        postfix_client_connections=3,
        postfix_client_message_rate=4,
        postfix_message_size_limit=100_000,
        mail_host_addresses=["198.18.0.10", "2001:2:0:10::10"],
        rspamd_greylist=True,
        rspamd_greylist_delay=3,
        # Permitted clients never wait.
        rspamd_senders={},
    )
    assert run.returncode == 0, run.stdout
    for address in (NAMELESS, PERMITTED):
        lab.on("peer", f"ip address add {address}/24 dev eth0")
    yield
    for address in (NAMELESS, PERMITTED):
        lab.on("peer", f"ip address del {address}/24 dev eth0")
    run = lab.playbook(PORT25)
    assert run.returncode == 0, run.stdout


@pytest.mark.once
def test_a_pattern_that_is_none_is_refused() -> None:
    run = lab.playbook(PORT25, "--check", postfix_header_checks=["/^Subject: (spam/ REJECT"])
    assert run.returncode != 0 and "Unmatched ( or \\(" in run.stdout, run.stdout


def test_lists_that_fail_refuse_nobody() -> None:
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)
    assert not lab.log_of("peer", mail, "status=deferred")


def test_lists_that_fail_are_reported() -> None:
    lab.on("mx", "systemctl start pillarbox-dnsbls.service", check=False)

    notice = lab.message("root@mx.example.org", "root")
    notice.replace_header("Subject", "pillarbox-dnsbls failed on mx")
    text = " ".join(lab.received(ALICE, notice).decode().split())
    lab.on("mx", "systemctl reset-failed")
    for told in (
        "nobody.example.net does not list 127.0.0.2",
        "refusing.example.net answers 127.255.255.254",
        "silent.example.net does not answer",
        "everybody.example.net lists 127.0.0.1",
    ):
        assert told in text, text
    assert "dnsbl.example.net" not in text


def test_a_client_without_a_name_is_refused() -> None:
    (replies,) = wire(TO_ALICE, client=NAMELESS)
    assert replies[3].startswith("550 5.7.1 Client host rejected: cannot find your reverse host")


@pytest.mark.parametrize("address", ["198.18.0.10", "IPv6:2001:2:0:10::10"])
def test_a_client_with_the_hosts_address_for_a_name_is_refused(address: str) -> None:
    (replies,) = wire((f"EHLO [{address}]\r\n", *TO_ALICE[1:]))
    assert "Helo command rejected: You are not" in replies[3], replies


def test_mail_that_is_too_large_is_refused_also_without_an_announcement() -> None:
    text = "Subject: large\r\n\r\n" + "x" * 70 + "\r\n" + ("y" * 98 + "\r\n") * 1000
    (replies,) = wire((*TO_ALICE, "DATA\r\n", f"{text}.\r\n"))
    assert replies[5].startswith("552 5.3.4 Error: message file too big"), replies


def test_mail_that_looks_somewhat_like_spam_is_put_off_once() -> None:
    # Greylisting remembers the same text or sender for a day.
    mail = lab.message(BOB, ALICE, f"Cheap watches {uuid.uuid4()}")
    envelope = (TO_ALICE[0], f"MAIL FROM:<{uuid.uuid4()}@example.net>\r\n", TO_ALICE[2])
    data = mail.as_string().replace("\n", "\r\n") + ".\r\n"

    (first,) = wire((*envelope, "DATA\r\n", data), client=PERMITTED)
    time.sleep(4)
    (second,) = wire((*envelope, "DATA\r\n", data), client=PERMITTED)

    assert first[5].startswith("451 4.7.1 Try again later"), first
    assert "queued as" in second[5], second


def test_a_client_beyond_the_limits_is_deferred() -> None:
    (slow,) = wire(TO_ALICE, client=PERMITTED, hang=3)
    (much,) = wire(
        ("EHLO a.example.net\r\n", *["MAIL FROM:<>\r\n", "RSET\r\n"] * 5), client=PERMITTED
    )

    assert slow[0].startswith("421 4.7.0 "), slow
    assert any(reply.startswith("450 4.7.1 Error: too much mail from") for reply in much), much
    assert lab.answer_to(ALICE).startswith("250 2.1.5")
