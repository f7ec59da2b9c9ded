# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what Postfix did, by its log, since these metrics were switched on.

The counts and the position in the journal are kept in a file, so that they survive a reboot.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.files import read, replace
from pillarbox.metrics.text import Family, counter
from pillarbox.status.ask import Cut, Unanswered, lines_of
from pillarbox.status.parts import Parts
from pillarbox.tls.journal import UNITS, Entry, entry, same
from pillarbox.tls.lines import ADDRESS, ID, is_own

STATE = Path("/var/lib/pillarbox/metrics.json")
# Seconds for a reading. What remains is read by the next one.
PATIENCE = 20.0
# Seconds of the log that the first reading counts; and those after which a reading is the first
# one again, as the metrics were switched off.
FIRST, GAP = 60.0, 3600.0
# What a line quotes comes from strangers, so all patterns match from its beginning, as in
# pillarbox.tls.lines.
DELIVERY = re.compile(
    rf"(?a){ID}: to={ADDRESS}, (?:orig_to={ADDRESS}, )?"
    r"relay=(?:[\w.-]+\[([^\]\s]*)\](?::\d+)?|[\w.-]+), (?:conn_use=\d+, )?"
    r"delay=[\d.]+, delays=[\d./]+, (?:tls=\S+, )?dsn=[\d.]+, status=(sent|deferred|bounced) "
)
EXPIRED = re.compile(rf"(?a){ID}: from={ADDRESS}, status=(?:force-)?expired,")
RECEIVED = re.compile(rf"(?a){ID}: client=[\w.-]+\[([\w.:%]+)\]")
# Of smtpd(8) and postscreen(8), and of the filter.
REJECTED = re.compile(
    r"(?a)(?:NOQUEUE|[0-9A-Za-z]{6,20}): (milter-)?reject: \S+ from [\w.-]*\[[^\]\s]*\](?::\d+)?:"
    r" ([45])\.?\d"
)
# Of header_checks(5), which refuse for good.
CHECKED = re.compile(rf"(?a){ID}: reject: (?:header|body) ")
RESULTS = ("sent", "deferred", "bounced", "expired")
# What Postfix delivers by, and by whom mail is refused, from the start on: a rule has to see the
# first event, too.
TRANSPORTS = ("lmtp", "smtp")
REFUSING = ("cleanup", "milter", "postscreen", "smtpd")


class Event(NamedTuple):
    """What is counted: the name of a family, and the values of its labels."""

    family: str
    labels: tuple[str, ...]


DELIVERIES, REJECTIONS, MESSAGES = "deliveries", "rejected", "received"
# The name, the help and the labels of each family.
FAMILIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    MESSAGES: (
        "pillarbox_postfix_received_messages_total",
        "Messages that clients and other servers brought.",
        (),
    ),
    DELIVERIES: (
        "pillarbox_postfix_deliveries_total",
        "Attempts to deliver a message to a recipient, and recipients given up (expired).",
        ("transport", "result"),
    ),
    REJECTIONS: (
        "pillarbox_postfix_rejected_total",
        "Commands and messages that were refused, for a while (4xx) or for good (5xx).",
        ("by", "reply"),
    ),
}
ZERO = [
    Event(MESSAGES, ()),
    *(Event(DELIVERIES, (name, result)) for name in TRANSPORTS for result in RESULTS[:3]),
    Event(DELIVERIES, ("queue", "expired")),
    *(Event(REJECTIONS, (by, reply)) for by in REFUSING for reply in ("4xx", "5xx")),
]


def parse(daemon: str, line: str) -> Event | None:
    """Return what a line of Postfix's log adds to."""
    name = daemon.removeprefix("postfix/")
    if name.endswith("qmgr"):
        return Event(DELIVERIES, ("queue", "expired")) if EXPIRED.match(line) else None
    if delivery := DELIVERY.match(line):
        *_ignored, relay, result = delivery.groups()
        # Not the second pass of forwarded mail, from one process of Postfix to another.
        return None if relay and is_own(relay) else Event(DELIVERIES, (name, result))
    if received := RECEIVED.match(line):
        return None if is_own(received[2]) else Event(MESSAGES, ())
    if rejected := REJECTED.match(line):
        by = "milter" if rejected[1] else name
        return Event(REJECTIONS, (by, f"{rejected[2]}xx"))
    return Event(REJECTIONS, (name, "5xx")) if CHECKED.match(line) else None


def entries(cursor: str, since: float) -> Iterator[Entry]:
    """Yield the lines after a cursor; without one, those since then. Raises Unanswered."""
    start = f"--cursor={cursor}" if cursor else f"--since=@{since:.0f}"
    command = ["journalctl", "--quiet", "--no-pager", "--all", "--output=json", start]
    command.append("--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID")
    command += [f"_SYSTEMD_UNIT={unit}" for unit in UNITS]
    for number, line in enumerate(lines_of(*command, patience=PATIENCE)):
        found = entry(line)
        # The entry of the cursor itself was counted, unless the journal has deleted it.
        if number or not cursor or not same(found.cursor, cursor):
            yield found


def log(parts: Parts, now: float) -> list[Family]:
    """Count what is new in the log of Postfix."""
    if "postfix" not in parts:
        return []
    cursor, counts, last = remembered(read(STATE) or b"{}")
    if not now - GAP < last <= now:
        cursor, last = "", now - FIRST
    try:
        for found in entries(cursor, last):
            if event := parse(found.daemon, found.text):
                counts[event] += 1
            cursor = found.cursor
    except Cut:
        pass
    except Unanswered:
        # Such as a cursor of another journal: the next time begins anew.
        replace(STATE, kept("", counts, last))
        raise
    replace(STATE, kept(cursor, counts, now))
    return families(counts)


def families(counts: Counter[Event]) -> list[Family]:
    """Return the counts as metrics."""
    return [
        counter(
            name,
            text,
            *(
                (dict(zip(labels, event.labels, strict=True)), counts[event])
                for event in sorted({*ZERO, *counts})
                if event.family == family
            ),
        )
        for family, (name, text, labels) in FAMILIES.items()
    ]


def kept(cursor: str, counts: Counter[Event], last: float) -> bytes:
    """Return the state as JSON."""
    rows = [[event.family, list(event.labels), number] for event, number in counts.items()]
    return json.dumps({"cursor": cursor, "counts": rows, "last": last}).encode()


def remembered(state: bytes) -> tuple[str, Counter[Event], float]:
    """Return the cursor, the counts, and when the log was read; a damaged state begins anew."""
    try:
        whole: dict[str, Any] = json.loads(state)
        rows = whole.get("counts", [])
        counts = Counter({Event(family, tuple(labels)): n for family, labels, n in rows})
        return whole.get("cursor", ""), counts, float(whole.get("last", 0))
    except (ValueError, TypeError, AttributeError):
        return "", Counter(), 0.0
