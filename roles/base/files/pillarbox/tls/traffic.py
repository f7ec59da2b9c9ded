# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count messages by partner, day and encryption, from the events in Postfix's log.

What is known of a connection or message is spread over several lines. What is not finished at the
end of a reading is its state, with which the next one goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any, NamedTuple, TypeVar

from pillarbox.tls.lines import (
    Accepted,
    Closed,
    Delivered,
    Event,
    Lost,
    Opened,
    Queued,
    Reached,
    Screened,
    Secured,
    Tls,
    domain_of_host,
)

# How well a message was protected, best first. VERIFIED: by one of the three before, but it is not
# known by which. Received mail has only the last two, as clients need no certificate.
DANE, MTA_STS, POLICY, VERIFIED, TRUSTED, ENCRYPTED, CLEAR = QUALITIES = (
    "dane",
    "mta-sts",
    "policy",
    "verified",
    "trusted",
    "encrypted",
    "clear",
)
TRUST = {"Verified": VERIFIED, "Trusted": TRUSTED}
# Connections without a message: postscreen(8) refused them, they did not try to send mail, or all
# of their mail was refused.
SCREENED, SILENT, REFUSED = KINDS = ("screened", "silent", "refused")

# Seconds. A message may wait for qmgr(8) while the queue is full; after this time it was canceled.
PATIENCE = 86_400
# The most entries of each kind in the state, so that strangers cannot make it grow.
MOST = 10_000

T = TypeVar("T")


class Way(NamedTuple):
    """How messages were protected; without TLS all but the first are empty."""

    quality: str
    version: str = ""
    cipher: str = ""
    exchange: str = ""
    signature: str = ""


class Key(NamedTuple):
    """What messages are counted by. The server is named if Postfix has verified it."""

    day: str
    domain: str
    sent: bool
    way: Way
    host: str = ""
    port: int = 0


class Incoming(NamedTuple):
    """A message that a client sends."""

    at: float
    tls: Tls | None
    client: str


class Outgoing(NamedTuple):
    """What a process of smtp(8) does: its connection, and the message that it delivers."""

    at: float
    # The server in this connection; a digest, as addresses are not kept.
    relay: str
    tls: Tls | None
    queue_id: str
    # For which the message was counted.
    domains: list[str]


def tls_of(kept: Any) -> Tls | None:
    """Return TLS parameters from the state."""
    return Tls(*kept) if kept else None


def remember(entries: dict[str, T], key: str, value: T) -> None:
    """Add an entry, and drop the oldest if there are too many."""
    entries.pop(key, None)
    entries[key] = value
    if len(entries) > MOST:
        del entries[next(iter(entries))]


class Traffic:
    """The counts of messages and of connections without any."""

    def __init__(self, state: str = "") -> None:
        kept: dict[str, dict[str, Any]] = json.loads(state or "{}")
        self.messages: Counter[Key] = Counter()
        self.idle: Counter[tuple[str, str]] = Counter()
        # By process of smtpd(8), by queue ID, and by process of smtp(8).
        self.clients: dict[str, tuple[float, Tls]] = {
            pid: (at, Tls(*tls)) for pid, (at, tls) in kept.get("clients", {}).items()
        }
        self.incoming: dict[str, Incoming] = {
            queue_id: Incoming(at, tls_of(tls), client)
            for queue_id, (at, tls, client) in kept.get("incoming", {}).items()
        }
        self.outgoing: dict[str, Outgoing] = {
            pid: Outgoing(at, relay, tls_of(tls), *others)
            for pid, (at, relay, tls, *others) in kept.get("outgoing", {}).items()
        }

    def state(self, now: float) -> str:
        """Return what is not finished."""
        entries: dict[str, dict[str, Any]] = {
            "clients": self.clients,
            "incoming": self.incoming,
            "outgoing": self.outgoing,
        }
        return json.dumps({
            kind: {key: entry for key, entry in of_kind.items() if now - entry[0] < PATIENCE}
            for kind, of_kind in entries.items()
        })  # fmt: skip

    def add(self, event: Event, at: float, day: str) -> None:
        """Take account of an event, its time, and its day."""
        match event:
            case Opened(pid):
                self.clients.pop(pid, None)
            case Secured(pid, tls):
                remember(self.clients, pid, (at, tls))
            case Accepted(pid, queue_id, client):
                tls_now = self.clients[pid][1] if pid in self.clients else None
                message = Incoming(at, tls_now, domain_of_host(client))
                remember(self.incoming, queue_id, message)
            case Queued(queue_id, domain):
                if received := self.incoming.pop(queue_id, None):
                    # Bounces and other notices have no sender (RFC 5321 section 4.5.5).
                    partner = domain or received.client
                    self.messages[Key(day, partner, False, way(received.tls, False))] += 1
            case Closed(pid, tried, brought):
                self.clients.pop(pid, None)
                if not brought:
                    self.idle[day, REFUSED if tried else SILENT] += 1
            case Screened(_):
                self.idle[day, SCREENED] += 1
            case Reached(pid, tls, relay):
                remember(self.outgoing, pid, Outgoing(at, digest(relay), tls, "", []))
            case Lost(pid):
                self.outgoing.pop(pid, None)
            case Delivered():
                self.deliver(event, at, day)

    def deliver(self, event: Delivered, at: float, day: str) -> None:
        """Count a message that was sent, once for all its recipients in a domain."""
        last = self.outgoing.get(event.pid)
        # Each encrypted connection is logged, also when it is used again. So a message without
        # such a line of its own went in clear text, or is at its next recipient.
        if last is None or last.queue_id not in ("", event.queue_id):
            last = Outgoing(at, "", None, "", [])
        last = last._replace(at=at, queue_id=event.queue_id)
        if event.sent and event.domain not in last.domains:
            last.domains.append(event.domain)
            protected = way(last.tls if last.relay == digest(event.relay) else None, True)
            server = (event.host, event.port) if protected.quality == VERIFIED else ()
            self.messages[Key(day, event.domain, True, protected, *server)] += 1
        remember(self.outgoing, event.pid, last)


def way(tls: Tls | None, sent: bool) -> Way:
    """Return how a message was protected."""
    if tls is None:
        return Way(CLEAR)
    return Way(TRUST.get(tls.trust, ENCRYPTED) if sent else ENCRYPTED, *tls[1:])


def digest(relay: str) -> str:
    """Return what a server's name, address and port are compared by."""
    return hashlib.blake2b(relay.encode(), digest_size=8).hexdigest()
