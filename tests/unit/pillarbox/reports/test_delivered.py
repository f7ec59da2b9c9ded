# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail from Postfix, by LMTP."""

from __future__ import annotations

import io
import smtplib
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from pillarbox.reports import delivery
from pillarbox.reports.unpack import MOST_BYTES

from .conftest import Host
from .samples import HEADER, dmarc_xml, message

RECIPIENTS = ["mailreports@example.org", "mailreports@example.com"]
Deliver = Callable[[bytes, str], str]


class Client(smtplib.LMTP):
    """The standard library's client, on a socket that it has not opened itself."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(local_hostname="mx.example.org")
        self.sock = connection
        assert self.getreply()[0] == 220


@contextmanager
def connected(deliver: Deliver) -> Iterator[Client]:
    """Talk to a session, which ends with this."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)

    def serve() -> None:
        with theirs, theirs.makefile("rb") as lines:
            delivery.converse(lines, lambda text: theirs.sendall(f"{text}\r\n".encode()), deliver)

    thread = threading.Thread(target=serve)
    thread.start()
    with Client(ours) as client:
        yield client
    thread.join(10)
    assert not thread.is_alive()


def test_a_message_arrives_as_it_was_sent() -> None:
    taken: list[tuple[bytes, str]] = []

    def deliver(content: bytes, sender: str) -> str:
        taken.append((content, sender))
        return "250 2.0.0 1 kept"

    body = b"Subject: dots\r\n\r\n.\r\n..\r\n.text\r\n" + b"x" * 200_000 + b"\r\n.\r\n"
    with connected(deliver) as client:
        assert client.sendmail("bob@example.net", RECIPIENTS[0], body) == {}
        # A session may have several messages, and one several recipients, with a reply for each.
        client.mail("")
        for recipient in RECIPIENTS:
            assert client.rcpt(recipient)[0] == 250
        assert client.data(b"Subject: two\r\n\r\n") == client.getreply() == (250, b"2.0.0 1 kept")
    assert taken == [(body, "<bob@example.net>"), (b"Subject: two\r\n\r\n", "<>")]


def test_of_a_message_that_is_too_long_only_the_beginning_is_kept_in_memory() -> None:
    line = b"x" * 1000 + b"\r\n"
    stream = io.BytesIO(line * (2 * MOST_BYTES // len(line)) + b".\r\nQUIT\r\n")
    assert MOST_BYTES < len(delivery.content(stream)) <= MOST_BYTES + delivery.PIECE
    assert stream.read() == b"QUIT\r\n"


def test_a_message_whose_connection_ends_is_not_delivered() -> None:
    for beginning in (b"", b"Subject: x\r\n", b"Subject: x\r\n\r\n.", b"Subject: x\r\n\r\n.\n"):
        with pytest.raises(ConnectionError):
            delivery.content(io.BytesIO(beginning))


def test_a_client_that_says_something_else_gets_an_error() -> None:
    with connected(lambda _content, _sender: "250 2.0.0 Ok") as client:
        for command in (b"DATA", b"EHLO mx.example.org", b"", b"BDAT 5", b"\xff\0"):
            client.send(command + b"\r\n")
            assert client.getreply()[0] == 503
        assert client.noop()[0] == client.rset()[0] == 250


def test_a_report_is_kept_and_what_is_none_is_discarded(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = HEADER + message(dmarc_xml())
    assert delivery.deliver(mail, "<bob@example.net>") == "250 2.0.0 1 kept"
    assert host.told()["example.org"]["dmarc"]["messages"] > 0
    spam = b"Subject: Dear owner\r\n\r\nBuy this.\r\n"
    assert delivery.deliver(spam, "<x\x1b[2J>") == "250 2.0.0 1 without a report"
    assert capsys.readouterr().out == 'discarded mail without a report from "<x [2J>"\n'


def test_mail_waits_while_the_database_is_locked(host: Host) -> None:
    host.receive(message(dmarc_xml()))
    with closing(sqlite3.connect(host.file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert delivery.deliver(message(dmarc_xml(report_id="2")), "<>").startswith("451 4.3.0 ")
        other.execute("ROLLBACK")
