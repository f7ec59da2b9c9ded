# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SMTP byte for byte, run on the peer by tests/lab/wire.py.

Reads dialogues in JSON. Each has the client's address, the number of other connections to leave
hanging in mid-command, the text to send before the greeting, and the texts to send after it, with
one reply read before each. Texts are sent as Latin-1. Prints the server's replies in each dialogue.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any


def reply(stream: Any) -> str:
    """Return a whole reply, with all its lines, or an empty one at the end of the connection."""
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
        # Each read reports the error.
        if last.startswith("221") or not last[:3].isdigit():
            break
    for done in (connection, *hanging):
        done.close()
    return replies


print(json.dumps([dialogue(**each) for each in json.load(sys.stdin)]))
