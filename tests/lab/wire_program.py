# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP to the byte, run on the peer by tests/lab/wire.py.

Reads dialogues in JSON. Each has the client's address, how many connections it lets hang in
mid-command, what it sends before the greeting and what after it, one reply being read before each
of that. A text is sent as Latin-1. Prints what the server said in each, reply by reply.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any


def reply(stream: Any) -> str:
    """A whole reply, with all its lines; an empty one at the end of the connection."""
    text = ""
    try:
        while line := stream.readline().decode("latin-1"):
            text += line
            if line[3:4] != "-":
                break
    except OSError as error:
        return f"{text}{error}"
    return text.strip()


def dialogue(server: str, client: str, hang: int, eager: str, sends: list[str]) -> list[str]:
    hanging = [socket.create_connection((server, 25), 20, (client, 0)) for _ in range(hang)]
    for slow in hanging:
        slow.recv(1000)
        slow.sendall(b"EH")
    connection = socket.create_connection((server, 25), 20, (client, 0))
    connection.sendall(eager.encode("latin-1"))
    stream = connection.makefile("rb")
    began = time.monotonic()
    replies = [reply(stream)]
    replies[0] += f" after {time.monotonic() - began:.0f} s"
    try:
        for text in sends:
            connection.sendall(text.encode("latin-1"))
            replies.append(reply(stream))
        connection.sendall(b"QUIT\r\n")
    except OSError:
        pass
    while last := reply(stream):
        replies.append(last)
        # An error is told each time that is read.
        if last.startswith("221") or not last[:3].isdigit():
            break
    for done in (connection, *hanging):
        done.close()
    return replies


print(json.dumps([dialogue(**each) for each in json.load(sys.stdin)]))
