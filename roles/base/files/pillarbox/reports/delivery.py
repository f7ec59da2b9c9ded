# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the mail at report addresses from Postfix: a session of LMTP (RFC 2033), then end.

systemd starts it for each connection, with the socket as its standard input. Anybody can write to
a report address, and in anybody's name, so that nothing is refused once Postfix has accepted it:
what is no report is discarded. Only if a report cannot be stored does its mail wait in the queue.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import BinaryIO

from pillarbox import Failure
from pillarbox.parts import part
from pillarbox.reports.command import accept_any_name, take
from pillarbox.reports.proof import sender_of
from pillarbox.reports.unpack import MOST_BYTES
from pillarbox.status.finding import quoted

# Bytes to read at a time; a command with its parameters is shorter (RFC 5321 section 4.5.3.1).
PIECE = 65536

Reply = Callable[[str], object]


def converse(lines: BinaryIO, reply: Reply, deliver: Callable[[bytes, str], str]) -> None:
    """Answer the commands of a client until it ends the session.

    Args:
        reply: sends a reply, which has no line end.
        deliver: given a message and its sender, returns the reply for each recipient.

    Raises:
        ConnectionError: the client ended it within a message.
    """
    sender, recipients = "", 0
    reply("220 reports LMTP")
    while command := lines.readline(PIECE):
        verb, _blank, parameters = command.decode("ascii", "replace").strip().partition(" ")
        match verb.upper():
            case "LHLO":
                reply("250-reports\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            case "MAIL":
                sender, recipients = parameters.removeprefix("FROM:").partition(" ")[0], 0
                reply("250 2.1.0 Ok")
            case "RCPT":
                recipients += 1
                reply("250 2.1.5 Ok")
            case "DATA" if recipients:
                reply("354 End with a dot")
                answer = deliver(content(lines), sender)
                for _recipient in range(recipients):
                    reply(answer)
                sender, recipients = "", 0
            case "RSET":
                sender, recipients = "", 0
                reply("250 2.0.0 Ok")
            case "NOOP":
                reply("250 2.0.0 Ok")
            case "QUIT":
                reply("221 2.0.0 Bye")
                return
            case _:
                reply("503 5.5.1 Not now, or not known")


def content(lines: BinaryIO) -> bytes:
    """Return a message, of a larger one the beginning, which is too long to be a report."""
    message = bytearray()
    at_line = True
    while piece := lines.readline(PIECE):
        if at_line and piece == b".\r\n":
            return bytes(message)
        if len(message) <= MOST_BYTES:
            # RFC 5321 section 4.5.2.
            message += piece.removeprefix(b".") if at_line else piece
        at_line = piece.endswith(b"\n")
    raise ConnectionError("the connection ended within a message")


def deliver(message: bytes, sender: str) -> str:
    """Keep the reports in a message, and return the reply; the log has the details."""
    try:
        proven = sender_of(message, part("base")["hostname"], part("postfix")["relay_networks"])
        outcomes = take(message, [], proven)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return "451 4.3.0 Reports cannot be stored now"
    if outcomes["without a report"]:
        print(f"discarded mail without a report from {quoted(sender)}")
    return f"250 2.0.0 {', '.join(f'{count} {outcome}' for outcome, count in outcomes.items())}"


def main() -> int:
    accept_any_name()
    with (
        socket.fromfd(sys.stdin.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as connection,
        connection.makefile("rb") as lines,
    ):
        try:
            converse(lines, lambda text: connection.sendall(f"{text}\r\n".encode()), deliver)
        except ConnectionError as error:
            # Postfix was stopped, and tries again.
            print(error)
    return 0
