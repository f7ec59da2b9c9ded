# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a burst of messages, run on the peer by tests/lab/throughput/burst.py.

Its arguments are the server, the number of messages, of sessions at a time and of bytes in a
message, and the first word of all subjects; it reads the recipients from standard input. Each
message has a number in its subject, and its own connection. Prints a line for each message, with
its number, its recipient and the server's final reply.
"""

from __future__ import annotations

import itertools
import smtplib
import sys
from concurrent.futures import ThreadPoolExecutor

SENDER = "bob@example.net"
LINE = "x" * 70 + "\n"


def send(server: str, subject: str, recipient: str, size: int) -> str:
    """Send a message; return the server's reply, or the reason why there is none."""
    head = f"From: {SENDER}\nTo: {recipient}\nSubject: {subject}\n\n"
    text = head + LINE * ((size - len(head)) // len(LINE))
    try:
        with smtplib.SMTP(server, timeout=300) as session:
            session.ehlo()
            session.mail(SENDER, [f"size={len(text)}"])
            code, answer = session.rcpt(recipient)
            if code == 250:
                code, answer = session.data(text)
            return f"{code} {answer.decode()}"
    except smtplib.SMTPResponseException as error:
        return f"{error.smtp_code} {error.smtp_error!r}"
    except (OSError, smtplib.SMTPException) as error:
        return f"none {error}"


def main() -> None:
    server, count, sessions, size, word = sys.argv[1:]
    recipients = itertools.cycle(sys.stdin.read().split())

    def one(number: int, recipient: str) -> str:
        return f"{number} {recipient} {send(server, f'{word} {number}', recipient, int(size))}"

    with ThreadPoolExecutor(max_workers=int(sessions)) as pool:
        for line in pool.map(one, range(int(count)), recipients):
            print(" ".join(line.split()))


if __name__ == "__main__":
    main()
