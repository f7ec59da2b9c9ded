# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verb ``tls`` prints: tables for people, and JSON for programs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pillarbox.status.finding import counted
from pillarbox.tls.ciphers import number as cipher_number
from pillarbox.tls.store import Count
from pillarbox.tls.traffic import CLEAR, KINDS, QUALITIES, REFUSED, SCREENED, SILENT, Way

WORDS = dict(
    zip(
        QUALITIES,
        ("DANE", "MTA-STS", "policy", "verified", "trusted", "encrypted", "clear text"),
        strict=True,
    )
)
# Lines of the table of partners, unless all are wanted.
FEW = 40


class Partner:
    """The messages of a partner, by direction and way."""

    def __init__(self) -> None:
        self.ways: Counter[tuple[bool, Way]] = Counter()

    def total(self, sent: bool, clear: bool = False) -> int:
        """Return the number of messages in a direction, or only of those in clear text."""
        return sum(
            number
            for (direction, way), number in self.ways.items()
            if direction == sent and (way.quality == CLEAR or not clear)
        )


class Summary(NamedTuple):
    """The counts of some days."""

    since: str
    until: str
    # By domain, those with the most messages first.
    partners: dict[str, Partner]
    idle: Mapping[str, int]

    def total(self, sent: bool) -> int:
        """Return the number of messages in a direction."""
        return sum(partner.total(sent) for partner in self.partners.values())

    def clear(self) -> dict[str, Partner]:
        """Return the partners with messages in clear text."""
        return {
            domain: partner
            for domain, partner in self.partners.items()
            if partner.total(True, clear=True) or partner.total(False, clear=True)
        }


def summary(counts: Iterable[Count], idle: Mapping[str, int], since: str, until: str) -> Summary:
    """Add up the days."""
    partners: defaultdict[str, Partner] = defaultdict(Partner)
    for count in counts:
        partners[count.domain].ways[count.sent, count.way] += count.number
    by_number = sorted(partners.items(), key=lambda item: (-item[1].ways.total(), item[0]))
    return Summary(since, until, dict(by_number), idle)


def table(rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> list[str]:
    """Return rows as lines with aligned columns, some of them numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def direction(sent: bool) -> str:
    return "sent" if sent else "received"


def ordered(partner: Partner) -> list[tuple[bool, Way, int]]:
    """Return what was sent and then what was received, the best protected first."""
    return sorted(
        ((sent, way, number) for (sent, way), number in partner.ways.items()),
        key=lambda row: (not row[0], QUALITIES.index(row[1].quality), -row[2], row[1]),
    )


def rows(found: Summary, most: int) -> list[list[str]]:
    """Return the table of partners, with its head."""
    rows = [["partner", "", "messages", "protection", "TLS", "cipher", "key exchange"]]
    for place, (domain, partner) in enumerate(found.partners.items()):
        if place and len(rows) > most:
            break
        # The table does not tell signatures apart.
        merged = Partner()
        for (sent, way), number in partner.ways.items():
            merged.ways[sent, way._replace(signature="")] += number
        for line, (sent, way, number) in enumerate(ordered(merged)):
            name = "" if line else domain
            cells = (WORDS[way.quality], way.version, way.cipher, way.exchange)
            rows.append([name, direction(sent), f"{number:,}", *(cell or "-" for cell in cells)])
    return rows


def partners(found: Summary, most: int) -> list[str]:
    """Return the table of partners as text."""
    shown = rows(found, most)
    lines = table(shown, numbers=[2])
    if left := others(found, shown):
        lines.append(f"{left}; --all shows them")
    return lines


def others(found: Summary, shown: list[list[str]]) -> str:
    """Return how many partners are not in a table; empty if all are."""
    left = len(found.partners) - sum(1 for row in shown[1:] if row[0])
    return f"and {counted(left, 'partner')} with fewer messages" if left else ""


def idle(found: Summary) -> str:
    """Return the number of connections that brought no mail."""
    total = sum(found.idle.values())
    if not total:
        return "Every connection to port 25 brought mail."
    numbers = {kind: found.idle.get(kind, 0) for kind in KINDS}
    return (
        f"{counted(total, 'connection')} to port 25 brought no mail:"
        f" {numbers[SCREENED]:,} ended before the greeting,"
        f" {numbers[SILENT]:,} did not try to send any,"
        f" {numbers[REFUSED]:,} had it refused."
    )


def heading(found: Summary) -> str:
    """Return the number of messages."""
    return (
        f"From {found.since} to {found.until}: {counted(found.total(True), 'message')} sent,"
        f" {found.total(False):,} received."
    )


def text(found: Summary, most: int) -> str:
    """Return the table of partners, those in clear text, and what brought no mail."""
    lines = [heading(found), ""]
    if found.partners:
        lines += [*partners(found, most), ""]
    clear = found.clear()
    if clear:
        lines.append("In clear text:")
        rows = [
            (
                f"    {domain}",
                f"{partner.total(True, clear=True):,} sent",
                f"{partner.total(False, clear=True):,} received",
            )
            for domain, partner in clear.items()
        ][:most]
        lines += table(rows, numbers=[1, 2])
        if more := len(clear) - len(rows):
            lines.append(f"    and {counted(more, 'partner')} with fewer messages")
    elif found.partners:
        lines.append("No message in clear text.")
    return "\n".join([*lines, idle(found)])


def usage(found: Summary, field: str) -> list[tuple[str, int, int]]:
    """Return the values of a field of ways with the messages sent and received, most first."""
    numbers: dict[str, Counter[bool]] = defaultdict(Counter)
    for partner in found.partners.values():
        for (sent, way), number in partner.ways.items():
            if way.quality != CLEAR:
                numbers[getattr(way, field)][sent] += number
    most_first = sorted(numbers.items(), key=lambda item: (-item[1].total(), item[0]))
    return [(name, number[True], number[False]) for name, number in most_first]


def ciphers(found: Summary) -> str:
    """Return what encrypted messages used, and how often."""
    rows = [("cipher", "number", "sent", "received")]
    for name, sent, received in usage(found, "cipher"):
        rows.append((name, cipher_number(name), f"{sent:,}", f"{received:,}"))
    lines = table(rows, numbers=[2, 3])
    for title, field in (
        ("TLS", "version"),
        ("key exchange", "exchange"),
        ("server signature", "signature"),
    ):
        others = [(title, "sent", "received")]
        for name, sent, received in usage(found, field):
            others.append((name or "not logged", f"{sent:,}", f"{received:,}"))
        lines += ["", *table(others, numbers=[1, 2])]
    return "\n".join(lines)


def document(found: Summary) -> dict[str, Any]:
    """Return everything for programs."""
    return {
        "since": found.since,
        "until": found.until,
        "sent": found.total(True),
        "received": found.total(False),
        "partners": [
            {
                "partner": domain,
                "ways": [
                    {
                        "direction": direction(sent),
                        "messages": number,
                        "quality": way.quality,
                        "version": way.version or None,
                        "cipher": way.cipher or None,
                        "number": cipher_number(way.cipher) or None,
                        "key_exchange": way.exchange or None,
                        "server_signature": way.signature or None,
                    }
                    for sent, way, number in ordered(partner)
                ],
            }
            for domain, partner in found.partners.items()
        ],
        "clear_text": list(found.clear()),
        "ciphers": [
            {
                "cipher": name,
                "number": cipher_number(name) or None,
                "sent": sent,
                "received": received,
            }
            for name, sent, received in usage(found, "cipher")
        ],
        "without_mail": {kind: found.idle.get(kind, 0) for kind in KINDS},
    }
