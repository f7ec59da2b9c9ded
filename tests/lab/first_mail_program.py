# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliver the first messages to a mailbox at the same time, again and again, by LMTP.

Runs on mx, as root. Its arguments are the address, the directory of its mailbox, which is deleted
each time, how many messages, and how many times. Prints why messages were not delivered.
"""

import shutil
import smtplib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

SOCKET = "/var/spool/postfix/private/dovecot-lmtp"


def deliver(session: smtplib.LMTP, address: str) -> str:
    """Return why a message was not delivered; nothing if it was."""
    try:
        session.sendmail("bob@example.net", [address], b"Subject: first\r\n\r\n")
    except (OSError, smtplib.SMTPException) as error:
        session.connect(SOCKET)
        return repr(error)
    return ""


def main(address: str, home: str, messages: int, times: int) -> None:
    sessions = [smtplib.LMTP(SOCKET) for _ in range(messages)]
    with ThreadPoolExecutor(messages) as pool:
        for _ in range(times):
            # Processes still finish with the mailbox before.
            time.sleep(0.05)
            shutil.rmtree(home, ignore_errors=True)
            for failure in pool.map(deliver, sessions, [address] * messages):
                print(failure, end="")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
