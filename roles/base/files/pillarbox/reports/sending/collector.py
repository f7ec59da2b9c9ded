# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the TLS sessions that Postfix tells of. systemd starts it when there are any."""

from __future__ import annotations

import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from pillarbox import Failure, activation
from pillarbox.reports.foreign import Refused
from pillarbox.reports.sending import outbox
from pillarbox.reports.sending.sessions import Session, parse
from pillarbox.reports.sending.settings import own_domains
from pillarbox.status.finding import counted

# Bytes of a datagram; libtlsrpt has no limit, but the socket does (unix(7)).
LONGEST = 1_000_000
# What is counted in one transaction.
MOST = 500
# Seconds after which it ends: without a session, and in any case, as the program may have changed.
IDLE, LIFETIME = 30.0, 3600.0


def batches(receiver: socket.socket, idle: float) -> Iterator[list[bytes]]:
    """Yield the datagrams that wait, until none comes for a time."""
    receiver.setblocking(False)
    end = time.monotonic() + LIFETIME
    while time.monotonic() < end and select.select([receiver], [], [], idle)[0]:
        batch: list[bytes] = []
        with suppress(BlockingIOError):
            while len(batch) < MOST:
                batch.append(receiver.recv(LONGEST))
        yield batch


def sessions(batch: list[bytes]) -> Iterator[Session]:
    """Yield the sessions with servers of other domains."""
    own = own_domains()
    for datagram in batch:
        try:
            yield from (session for session in parse(datagram) if session.domain not in own)
        except Refused as refused:
            print(f"ignored a datagram: {refused}")


def main() -> int:
    with activation.handed_over() as receiver:
        for batch in batches(receiver, IDLE):
            try:
                with outbox.opened() as counts:
                    counts.add(sessions(batch), time.time())
            # Were it left in the socket, systemd would start this again at once, and soon give up
            # on both, for good. The nightly job, which needs the database too, reports to root.
            except Failure as failure:
                lost = counted(len(batch), "result")
                print(f"lost {lost} of TLS sessions: {failure}", file=sys.stderr)
    return 0
