# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about queued mail, given the output of postqueue(1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pillarbox.status import mail_queue
from pillarbox.status.ask import Cut
from pillarbox.status.finding import ATTENTION, OK, Finding
from pillarbox.status.mail_queue import Tally, held, waiting

NOW = 1795680000
# As Postfix 3.10 has it while Dovecot is stopped.
OWN = "connect to mx.example.org[private/dovecot-lmtp]: Permission denied"


def message(queue: str, age: int, *reasons: str, sender: str = "bob@example.net") -> bytes:
    """A line of "postqueue -j"."""
    fields: dict[str, Any] = {
        "queue_name": queue,
        "queue_id": "373F42B80DB",
        "arrival_time": NOW - age,
        "message_size": 829,
        "forced_expire": False,
        "sender": sender,
        "recipients": [
            {"address": "alice@example.org", "delay_reason": reason} for reason in reasons
        ]
        or [{"address": "alice@example.org"}],
    }
    return json.dumps(fields).encode() + b"\n"


def tally(*messages: bytes) -> Tally:
    counted = Tally()
    for line in messages:
        counted.add(line)
    return counted


def only(findings: list[Finding]) -> Finding:
    [finding] = findings
    return finding


def test_an_empty_queue_is_well() -> None:
    assert only(waiting(tally(), NOW)).text == "empty"
    assert held(tally(), NOW).text == "none"


def test_what_is_on_its_way_is_told_by_queue() -> None:
    found = waiting(tally(message("active", 5), message("active", 70), message("incoming", 1)), NOW)
    assert [(it.state, it.subject, it.text) for it in found] == [
        (OK, "active", "2 messages, the oldest for 1 minute"),
        (OK, "incoming", "1 message, the oldest for 1 second"),
    ]


def test_mail_that_does_not_move_needs_attention() -> None:
    found = only(waiting(tally(message("incoming", 7300)), NOW))
    assert found.state == ATTENTION and "postqueue -p" in found.remedy


def test_a_few_messages_that_servers_elsewhere_do_not_take_are_no_fault() -> None:
    busy = "host mx{0}.example.com[198.51.100.{0}] said: 450 4.2.1 <a{0}@example.com> later, please"
    found = only(
        waiting(
            tally(
                message("deferred", 7300, "connect to a.example[192.0.2.1]:25: Connection refused"),
                *(message("deferred", 60, busy.format(number)) for number in (1, 2)),
            ),
            NOW,
        )
    )
    assert found.state == OK
    assert found.text == (f'3 messages, the oldest for 2 hours; 2 of them: "{busy.format(1)}"')


def test_many_of_them_need_attention() -> None:
    found = only(waiting(tally(*[message("deferred", 60, OWN)] * 100), NOW))
    assert found.state == ATTENTION
    assert found.text == f'100 messages, the oldest for 1 minute; all of them: "{OWN}"'
    assert "postqueue -p" in found.remedy and "postqueue -f" in found.remedy


def test_what_is_not_tried_again_waits_for_the_same_reason() -> None:
    again = message("deferred", 60, f"delivery temporarily suspended: {OWN}")
    found = only(waiting(tally(again, message("deferred", 60, OWN)), NOW))
    assert found.text.endswith(f'; all of them: "{OWN}"')


def test_one_message_needs_attention_that_does_not_get_into_its_mailbox_here() -> None:
    assert only(waiting(tally(message("deferred", 1000, OWN)), NOW)).state == ATTENTION
    # Postfix tries again after five minutes.
    assert only(waiting(tally(message("deferred", 400, OWN)), NOW)).state == OK


def test_a_message_with_two_recipients_counts_once() -> None:
    assert (
        "1 message, the oldest for 1 second; all of them"
        in only(waiting(tally(message("deferred", 1, OWN, OWN)), NOW)).text
    )


def test_held_mail_needs_attention() -> None:
    found = held(
        tally(
            message("hold", 60, sender="invoices@example.org"),
            message("hold", 7300, sender="invoices@example.org"),
            message("hold", 60, sender="alice@example.org"),
        ),
        NOW,
    )
    assert found.state == ATTENTION
    assert found.text == (
        '3 messages, the oldest for 2 hours; 2 of them from "invoices@example.org",'
        " the others from 1 sender"
    )
    assert found.remedy.startswith("pillarbox held ")


def test_a_queue_that_cannot_be_read_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hangs(*command: str, patience: float) -> Iterator[bytes]:
        yield from ()
        raise Cut("postqueue did not finish within 8 s")

    monkeypatch.setattr(mail_queue, "lines_of", hangs)
    with pytest.raises(Cut):
        mail_queue.look({"postfix": {}}, NOW)


def test_what_was_not_counted_to_the_end_is_said_to_be_more() -> None:
    counted = tally(message("deferred", 1), message("hold", 1))
    counted.cut = True
    assert only(waiting(counted, NOW)).text.startswith("at least 1 message,")
    assert held(counted, NOW).text.startswith("at least 1 message,")
