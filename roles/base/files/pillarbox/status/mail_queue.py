# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queued and held mail, according to postqueue(1)."""

from __future__ import annotations

import json
import re
from collections import Counter

from pillarbox.status.ask import Cut, lines_of
from pillarbox.status.finding import ATTENTION, OK, Finding, counted, quoted, span
from pillarbox.status.parts import Parts

# Seconds. postqueue reads 100,000 messages in about five.
PATIENCE = 8.0
# This many deferred messages are not the fault of a few remote servers.
MANY = 100
# Seconds after which mail to a local mailbox should be delivered: Postfix has retried by then.
OWN_PATIENCE = 900
# Seconds after which a message should have been delivered or deferred.
STANDS_STILL = 3600
# How Postfix names a daemon of this host that it delivers to.
OWN = "[private/"
# Messages that were not tried have the reason of the last one that was.
AGAIN = "delivery temporarily suspended: "
# The parts of a reason that differ from message to message.
PARTICULARS = re.compile(r"<[^>]*>|\[[^]]*\]|\d+")


class Tally:
    """The counts of queued messages."""

    def __init__(self) -> None:
        self.queues: Counter[str] = Counter()
        # The arrival time of the oldest message in each queue.
        self.oldest: dict[str, float] = {}
        self.senders: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        # For each kind of reason, the first one in full.
        self.samples: dict[str, str] = {}
        # The arrival time of the oldest message that a local daemon did not accept.
        self.own = float("inf")
        self.cut = False

    def add(self, line: bytes) -> None:
        """Count a message in the output of postqueue."""
        message = json.loads(line)
        queue, arrived = message["queue_name"], message["arrival_time"]
        self.queues[queue] += 1
        self.oldest[queue] = min(arrived, self.oldest.get(queue, arrived))
        if queue == "hold":
            self.senders[message["sender"]] += 1
        if queue == "deferred":
            reasons = {recipient.get("delay_reason") for recipient in message["recipients"]}
            for reason in filter(None, reasons):
                reason = reason.removeprefix(AGAIN)
                kind = PARTICULARS.sub("", reason)
                self.reasons[kind] += 1
                self.samples.setdefault(kind, reason)
                if OWN in reason:
                    self.own = min(arrived, self.own)

    def size(self, queue: str, now: float) -> str:
        """Return the number of messages in a queue, and the age of the oldest."""
        least = "at least " if self.cut else ""
        number = counted(self.queues[queue], "message")
        return f"{least}{number}, the oldest for {span(now - self.oldest[queue])}"

    def share(self, number: int, queue: str) -> str:
        """Return a number as a share of the messages in a queue."""
        return f"{'all' if number == self.queues[queue] else f'{number:,}'} of them"


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the queues of Postfix."""
    if "postfix" not in parts:
        return []
    tally = read()
    return [*waiting(tally, now), held(tally, now)]


def read() -> Tally:
    """Count what is queued; of a very long queue only a part. Raises Unanswered."""
    tally = Tally()
    try:
        for line in lines_of("postqueue", "-j", patience=PATIENCE):
            tally.add(line)
    except Cut:
        if not tally.queues:
            raise
        tally.cut = True
    return tally


def waiting(tally: Tally, now: float) -> list[Finding]:
    """Report queued mail."""
    found = [
        moving(tally, queue, now)
        for queue in sorted(tally.queues)
        if queue not in ("deferred", "hold")
    ]
    if tally.queues["deferred"]:
        found.append(deferred(tally, now))
    return found or [Finding("queue", "", OK, "empty")]


def moving(tally: Tally, queue: str, now: float) -> Finding:
    """Report mail that is on its way, as long as it moves."""
    text = tally.size(queue, now)
    if now - tally.oldest[queue] < STANDS_STILL:
        return Finding("queue", queue, OK, text)
    remedy = "if postqueue -p lists the same messages a minute later: systemctl restart postfix"
    return Finding("queue", queue, ATTENTION, text, remedy)


def deferred(tally: Tally, now: float) -> Finding:
    """Report mail that is retried later."""
    text = tally.size("deferred", now)
    for kind, number in tally.reasons.most_common(1):
        text += f"; {tally.share(number, 'deferred')}: {quoted(tally.samples[kind])}"
    stuck = now - tally.own > OWN_PATIENCE
    if tally.queues["deferred"] < MANY and not stuck:
        return Finding("queue", "deferred", OK, text)
    remedy = "postqueue -p lists all reasons; fix the cause, then: postqueue -f"
    return Finding("queue", "deferred", ATTENTION, text, remedy)


def held(tally: Tally, now: float) -> Finding:
    """Report mail that waits until somebody releases it."""
    if not tally.queues["hold"]:
        return Finding("held mail", "", OK, "none")
    text = tally.size("hold", now)
    sender, number = tally.senders.most_common(1)[0]
    text += f"; {tally.share(number, 'hold')} from {quoted(sender)}"
    if others := len(tally.senders) - 1:
        text += f", the others from {counted(others, 'sender')}"
    remedy = (
        "pillarbox held lists the accounts; then: pillarbox held release, or delete."
        " Release mail that was held by postsuper -h with postsuper -H"
    )
    return Finding("held mail", "", ATTENTION, text, remedy)
