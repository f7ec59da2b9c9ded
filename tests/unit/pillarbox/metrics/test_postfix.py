# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting Postfix's log, given lines of Postfix 3.10 and the output of journalctl(1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.metrics import postfix
from pillarbox.metrics.postfix import Event, parse
from pillarbox.metrics.text import as_text
from pillarbox.status.ask import Unanswered

NOW = 1795738580
PEER = "peer.example.net[2001:2:0:20::20]"
TRIED = "delay=0.3, delays=0.1/0/0.1/0.1, dsn="
SENT = (
    "postfix/smtp",
    f"74D2972201F: to=<bob@example.net>, relay={PEER}:25, {TRIED}2.0.0, status=sent (250 Ok)",
)


@pytest.mark.parametrize(
    ("daemon", "line", "labels"),
    [
        (*SENT, ("smtp", "sent")),
        (
            "postfix/smarthost/smtp",
            "74D2972201F: to=<bob@example.net>, orig_to=<team@example.org>,"
            f" relay={PEER}:465, conn_use=2, {TRIED}4.7.1, status=deferred (host said: 451)",
            ("smarthost/smtp", "deferred"),
        ),
        (
            "postfix/lmtp",
            "74D2972201F: to=<alice@example.org>, relay=mx.example.org[private/dovecot-lmtp],"
            f" {TRIED}2.0.0, status=sent (250 Saved)",
            ("lmtp", "sent"),
        ),
        (
            "postfix/smtp",
            "74D2972201F: to=<bob@gone.example.net>, relay=none,"
            f" {TRIED}5.4.4, status=bounced (Host not found)",
            ("smtp", "bounced"),
        ),
        (
            "postfix/pipe",
            f"74D2972201F: to=<a@example.org>, relay=my-pipe, {TRIED}2.0.0, status=sent (ok)",
            ("pipe", "sent"),
        ),
        (
            "postfix/qmgr",
            "74D2972201F: from=<alice@example.org>, status=expired, returned to sender",
            ("queue", "expired"),
        ),
    ],
)
def test_deliveries_are_told_apart_by_transport_and_result(
    daemon: str, line: str, labels: tuple[str, str]
) -> None:
    assert parse(daemon, line) == Event(postfix.DELIVERIES, labels)


@pytest.mark.parametrize(
    ("daemon", "line", "labels"),
    [
        (
            "postfix/smtpd",
            f"NOQUEUE: reject: RCPT from {PEER}: 550 5.1.1 <x@example.org>: Recipient address"
            " rejected: User unknown; from=<bob@example.net>",
            ("smtpd", "5xx"),
        ),
        (
            "postfix/postscreen",
            "NOQUEUE: reject: RCPT from [198.18.0.66]:41234: 550 5.7.1 Service unavailable;"
            " client [198.18.0.66] blocked using dnsbl.example.net",
            ("postscreen", "5xx"),
        ),
        (
            "postfix/submissions/smtpd",
            "74D2972201F: reject: DATA from client[192.0.2.1]: 450 4.7.1 wait",
            ("submissions/smtpd", "4xx"),
        ),
        (
            "postfix/cleanup",
            f"74D2972201F: milter-reject: END-OF-MESSAGE from {PEER}: 5.7.1 Spam message rejected;"
            " from=<bob@example.net>",
            ("milter", "5xx"),
        ),
        (
            "postfix/cleanup",
            f"74D2972201F: reject: header Subject: you have won from {PEER}; from=<a@example.net>"
            " to=<b@example.org> proto=ESMTP helo=<x>: 5.7.1 We did not play",
            ("cleanup", "5xx"),
        ),
    ],
)
def test_refusals_are_told_apart_by_who_refuses(
    daemon: str, line: str, labels: tuple[str, str]
) -> None:
    assert parse(daemon, line) == Event(postfix.REJECTIONS, labels)


def test_received_messages_are_counted_but_not_those_from_this_host_itself() -> None:
    assert parse("postfix/smtpd", f"5741919A05D: client={PEER}") == Event(postfix.MESSAGES, ())
    assert parse("postfix/smtpd", "5741919A05D: client=localhost[127.0.0.1]") is None
    again = SENT[1].replace(PEER, "127.0.0.1[127.0.0.1]")
    assert parse("postfix/smtp", again) is None


@pytest.mark.parametrize(
    "line",
    [
        "warning: 74D2972201F: to=<b@example.net>, relay=none, "
        + TRIED
        + "5.0.0, status=bounced (",
        '74D2972201F: to=<"x>, relay=none, delay=1, status=bounced ("@example.net>, relay=none',
        "74D2972201F: client=, reject: RCPT from [192.0.2.1]: 550 x",
        "NOQUEUE: filter: RCPT from x[192.0.2.1]: reject: RCPT from y[192.0.2.2]: 550 x",
    ],
)
def test_what_a_stranger_can_write_into_a_line_counts_nothing(line: str) -> None:
    for daemon in ("postfix/smtp", "postfix/smtpd", "postfix/cleanup", "postfix/qmgr"):
        assert parse(daemon, line) is None


class Journal:
    """What journalctl(1) prints, which begins with the entry of the cursor."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.broken = False
        self.start = ""
        # The first line of the time that is asked for.
        self.since = 0

    def add(self, daemon: str, text: str) -> None:
        number = len(self.lines)
        fields = {
            "__CURSOR": f"s=a;i={number};b=b;m={number};t={number};x=c",
            "__REALTIME_TIMESTAMP": "1795738580000000",
            "SYSLOG_IDENTIFIER": daemon,
            "SYSLOG_PID": "1",
            "MESSAGE": text,
        }
        self.lines.append(json.dumps(fields).encode())

    def lines_of(self, *command: str, patience: float) -> Iterator[bytes]:
        if self.broken:
            raise Unanswered("journalctl: no such cursor")
        [start] = [word for word in command if word.startswith(("--cursor=", "--since="))]
        self.start = start
        first = int(start.split(";i=")[1].split(";")[0]) if ";i=" in start else self.since
        yield from self.lines[first:]


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Journal:
    there = Journal()
    monkeypatch.setattr(postfix, "lines_of", there.lines_of)
    monkeypatch.setattr(postfix, "STATE", tmp_path / "metrics.json")
    return there


def sent(now: float = NOW) -> int:
    text = as_text(postfix.log({"postfix": {}}, now))
    line = 'pillarbox_postfix_deliveries_total{transport="smtp",result="sent"} '
    [found] = [each for each in text.splitlines() if each.startswith(line)]
    return int(found.removeprefix(line))


def test_each_line_is_counted_once(journal: Journal) -> None:
    assert sent() == 0
    for total in (1, 2):
        journal.add(*SENT)
        assert sent() == total
    assert sent() == 2


def test_a_journal_that_cannot_be_read_is_an_error_once_and_loses_no_counts(
    journal: Journal,
) -> None:
    journal.add(*SENT)
    assert sent() == 1
    journal.broken = True
    with pytest.raises(Unanswered):
        sent()
    journal.broken = False
    journal.lines.clear()
    journal.add(*SENT)
    assert sent() == 2


def test_what_was_logged_while_metrics_were_off_is_not_counted(journal: Journal) -> None:
    journal.add(*SENT)
    assert sent() == 1
    journal.add(*SENT)
    journal.since = len(journal.lines)
    journal.add(*SENT)
    assert sent(NOW + 2 * 3600) == 2


def test_after_an_error_the_log_is_read_from_where_it_was(journal: Journal) -> None:
    sent()
    journal.broken = True
    with pytest.raises(Unanswered):
        sent(NOW + 60)
    journal.broken = False
    sent(NOW + 120)
    assert journal.start == f"--since=@{NOW}"


def test_a_damaged_state_begins_anew(journal: Journal) -> None:
    postfix.STATE.write_text('{"counts": [1]}')
    assert sent() == 0


def test_every_series_is_there_before_its_first_event(journal: Journal) -> None:
    text = as_text(postfix.log({"postfix": {}}, 0))
    assert 'pillarbox_postfix_rejected_total{by="postscreen",reply="5xx"} 0' in text
    assert 'pillarbox_postfix_deliveries_total{transport="lmtp",result="bounced"} 0' in text
    assert "pillarbox_postfix_received_messages_total 0" in text


def test_a_host_without_postfix_has_none() -> None:
    assert postfix.log({}, 0) == []
