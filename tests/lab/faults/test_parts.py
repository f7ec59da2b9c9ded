# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to mail while a part of the server fails, and who is notified.

These tests prove docs/when-things-fail.md.
"""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.faults.parts import (
    ALICE,
    BOB,
    DATABASE,
    full_disk,
    look_at_the_queues,
    needing_attention,
    no_answers_from_outside,
    stopped,
)

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

DAEMONS = (
    DATABASE,
    "unbound",
    "dovecot",
    "postsrsd",
    "rspamd",
    "pillarbox-recode",
    "postfix",
    "nginx",
)
QUEUE = "/var/spool/postfix"


def arrived(mail: EmailMessage) -> bytes:
    """Return the message in Alice's INBOX, with the queues flushed meanwhile."""

    def attempt() -> bytes | None:
        look_at_the_queues()
        return lab.find(ALICE, mail)

    return lab.eventually(f"{mail['Subject']} in the INBOX", attempt)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_that_dies_is_restarted_and_root_is_notified(daemon: str) -> None:
    former = f"doveadm expunge -u {ALICE} mailbox INBOX subject '{daemon} failed'"
    lab.on("mx", f"{former}; systemctl kill --signal=KILL {daemon}")

    lab.eventually(
        f"{daemon} to be there again",
        lambda: lab.on("mx", f"systemctl is-active {daemon}", check=False) == "active\n" or None,
    )
    notice = lab.message("root@mx.example.org", ALICE)
    notice.replace_header("Subject", f"{daemon} failed on mx")
    assert f"{daemon}.service: Main process exited".encode() in arrived(notice)


def test_without_the_filter_mail_waits_at_its_sender_and_is_then_filtered() -> None:
    mail, spam = lab.message(BOB, ALICE), lab.message(BOB, ALICE, GTUBE)
    with stopped("rspamd"):
        for each in (mail, spam):
            lab.send_from_peer(each)
        for each in (mail, spam):
            assert "4.7.5" in lab.deferral("peer", each) or "4.3.0" in lab.deferral("peer", each)

    assert b"Authentication-Results: mx.example.org" in arrived(mail)
    refused = lab.eventually("the refusal", lambda: lab.log_of("peer", spam, "bounced") or None)
    assert "554 5.7.1" in refused[0]


def test_without_the_database_mail_arrives_filtered() -> None:
    mail, spam = lab.message(BOB, ALICE), lab.message(BOB, ALICE, GTUBE)
    with stopped(DATABASE):
        for each in (mail, spam):
            lab.send_from_peer(each)
        assert b"Authentication-Results: mx.example.org" in arrived(mail)
        lab.eventually("the refusal", lambda: lab.log_of("peer", spam, "bounced") or None)


def test_without_dovecot_mail_is_taken_and_waits_and_no_login_is_called_wrong() -> None:
    mail = lab.message(BOB, ALICE)
    with stopped("dovecot"):
        lab.send_from_peer(mail)
        assert "private/dovecot-lmtp" in lab.deferral("mx", mail)
        # Not 535, at which programs ask their users for another password.
        with pytest.raises(smtplib.SMTPServerDisconnected):
            lab.submit(lab.message(ALICE, BOB))

    arrived(mail)
    with lab.submission(lab.SUBMISSIONS):
        pass


def test_without_postsrsd_only_forwarded_mail_waits() -> None:
    # Bob is a member of the list himself.
    mail = lab.message(BOB, "team@example.org")
    with stopped("postsrsd"):
        lab.send_from_peer(mail)
        assert "to=<bob@example.net>" in lab.deferral("mx", mail)
        arrived(mail)

    look_at_the_queues()
    assert b"Return-Path: <SRS0=" in lab.received_at_peer(mail)


def test_without_what_encodes_mail_it_leaves_signed_as_it_was_written() -> None:
    mail, line = lab.message(ALICE, BOB), "a word " * 430
    mail.set_payload(line)
    with stopped("pillarbox-recode"):
        lab.submit(mail)
        sent = lab.received_at_peer(mail)

    assert line.strip().encode() in sent
    assert lab.signatures(sent) == [("e1", True), ("r1", True)]


def test_without_postfix_mail_waits_at_its_sender() -> None:
    mail = lab.message(BOB, ALICE)
    with stopped("postfix"):
        lab.send_from_peer(mail)
        assert "Connection refused" in lab.deferral("peer", mail)
        assert "daemons postfix.service" in needing_attention()

    arrived(mail)


def test_without_the_web_server_mail_arrives_and_leaves() -> None:
    incoming, outgoing = lab.message(BOB, ALICE), lab.message(ALICE, BOB)
    with stopped("nginx"):
        lab.send_from_peer(incoming)
        lab.submit(outgoing)
        lab.received(ALICE, incoming)
        lab.received_at_peer(outgoing)
        assert "daemons nginx.service" in needing_attention()


def test_a_web_server_that_finds_its_port_taken_leaves_mail_alone_and_root_is_notified() -> None:
    mail = lab.message(BOB, ALICE)
    former = f"doveadm expunge -u {ALICE} mailbox INBOX subject 'nginx failed'"
    with stopped("nginx"):
        lab.on("mx", f"{former}; systemd-run --quiet --unit=other python3 -m http.server 80")
        try:
            lab.on("mx", "systemctl start nginx", check=False)
            lab.send_from_peer(mail)
            lab.received(ALICE, mail)
        finally:
            lab.on("mx", "systemctl stop other; systemctl reset-failed nginx")
    notice = lab.message("root@mx.example.org", ALICE)
    notice.replace_header("Subject", "nginx failed on mx")
    assert b"0.0.0.0:80 failed (98: " in arrived(notice)


def test_without_the_resolver_mail_waits_on_both_sides() -> None:
    incoming, outgoing = lab.message(BOB, ALICE), lab.message(ALICE, BOB)
    with stopped("unbound"):
        lab.send_from_peer(incoming)
        lab.submit(outgoing)
        assert "450 4.1.8" in lab.deferral("peer", incoming)
        assert "Host not found, try again" in lab.deferral("mx", outgoing)
        assert "daemons unbound.service" in needing_attention()

    arrived(incoming)
    assert lab.signatures(lab.received_at_peer(outgoing)) == [("e1", True), ("r1", True)]


def test_without_answers_from_the_dns_honest_mail_is_not_taken_for_junk() -> None:
    # A bounce, whose sender cannot be authenticated, with a header of newsletters and spam.
    mail = lab.message(BOB, ALICE)
    mail.replace_header("To", "undisclosed-recipients:;")
    with no_answers_from_outside():
        lab.on("peer", f"sendmail -f '<>' {ALICE}", mail.as_string())
        assert "451 4.7.1 DNS lookups for the sender fail now" in lab.deferral("peer", mail)
        assert "resolver" in needing_attention()

    arrived(mail)


def test_with_no_room_in_the_queue_mail_waits_at_its_sender() -> None:
    mail = lab.message(BOB, ALICE)
    with full_disk(QUEUE, "90M", "postfix", shared="private rspamd"):
        lab.send_from_peer(mail)
        assert "452 4.3.1" in lab.deferral("peer", mail)
        assert "disk queue" in needing_attention()
        lab.on("mx", f"rm {QUEUE}/fill")
        arrived(mail)


def test_with_no_room_for_mailboxes_mail_is_taken_and_waits() -> None:
    mail = lab.message(BOB, ALICE)
    with full_disk("/var/vmail", "20M", "dovecot"):
        lab.send_from_peer(mail)
        assert "451 4.2.0" in lab.deferral("mx", mail)
        assert "disk mailboxes" in needing_attention()
        lab.on("mx", "rm /var/vmail/fill")
        arrived(mail)


def test_mail_that_came_while_the_clock_was_ahead_is_sent_when_it_is_right_again() -> None:
    assert "pillarbox-requeue.service" in lab.on(
        "mx", "systemctl show -P Triggers pillarbox-requeue.timer"
    )
    assert lab.on("mx", "systemctl is-active pillarbox-requeue.timer") == "active\n"
    mail = lab.message(BOB, ALICE)
    with stopped("dovecot"):
        lab.send_from_peer(mail)
        queue_id = lab.deferral("mx", mail).partition(":")[0]
        lab.on("mx", f"touch -d +1hour $(find {QUEUE}/deferred -name {queue_id})")
    # Postfix itself would retry it in an hour.
    assert lab.find(ALICE, mail) is None

    # The trigger is systemd's, and a container has no clock of its own to set.
    lab.on("mx", "systemctl start pillarbox-requeue.service")

    lab.received(ALICE, mail)
