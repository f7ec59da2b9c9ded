# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chart of the messages of each day by protection: an SVG picture that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from pillarbox.tls.report import WORDS
from pillarbox.tls.store import Count
from pillarbox.tls.traffic import QUALITIES

# On light and on dark paper: verified in shades of green, encrypted in blue, clear text in orange,
# which also people tell apart who do not see red and green as different colours.
COLOURS = dict(
    zip(
        QUALITIES,
        (
            ("#00563b", "#35c495"),
            ("#1e8a5c", "#8fe3c0"),
            ("#0f7f95", "#4fb6c9"),
            ("#6b7d2a", "#b9c96a"),
            ("#1f4fa3", "#6f9df0"),
            ("#5b8fd6", "#b3cdf7"),
            ("#d1570f", "#f58a3c"),
        ),
        strict=True,
    )
)
STYLE = "\n".join([
    ":root { color-scheme: light dark }",
    "text { font: 13px system-ui, sans-serif; fill: #1c1c1c }",
    ".paper { fill: #ffffff }",
    ".line { stroke: #d0d0d0 }",
    # The edges of bars.
    "rect { stroke: #ffffff; stroke-width: 0.5 }",
    *(f".{quality} {{ fill: {light} }}" for quality, (light, _dark) in COLOURS.items()),
    "@media (prefers-color-scheme: dark) {",
    "text { fill: #ececec }",
    ".paper { fill: #1b1b1d }",
    ".line { stroke: #47474c }",
    "rect { stroke: #1b1b1d }",
    *(f".{quality} {{ fill: {dark} }}" for quality, (_light, dark) in COLOURS.items()),
    "}",
])  # fmt: skip
# In pixels. The days of a panel are side by side; the panels, sent and received, below each other.
WIDTH, LEFT, RIGHT = 900, 70, 20
PANEL, TOP, GAP = 180, 85, 70
HEIGHT = TOP + 2 * PANEL + GAP + 40
# The number of dates below a panel, at most.
DATES = 6


def days(since: str, until: str) -> list[str]:
    """Return all days, also those without mail."""
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    return [(first + timedelta(number)).isoformat() for number in range((last - first).days + 1)]


def round_up(number: int) -> int:
    """Return the next number of one digit and zeros."""
    size = int("1" + "0" * (len(str(number)) - 1))
    return -(-number // size) * size


def svg(counts: Iterable[Count], since: str, until: str) -> str:
    """Return the chart."""
    numbers: Counter[tuple[bool, str, str]] = Counter()
    for count in counts:
        numbers[count.sent, count.day, count.way.quality] += count.number
    shown = days(since, until)
    title = f"Messages by protection, {since} to {until}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title>",
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text x="{LEFT}" y="22">{title}</text>',
        *legend({quality for _day, _sent, quality in numbers}),
        *panel(numbers, shown, True, TOP),
        *panel(numbers, shown, False, TOP + PANEL + GAP),
        "</svg>",
    ])  # fmt: skip


def legend(present: set[str]) -> Iterator[str]:
    """Yield what each colour means, of those that occur."""
    left = LEFT
    for quality in QUALITIES:
        if quality in present:
            yield f'<rect class="{quality}" x="{left}" y="33" width="12" height="12"/>'
            yield f'<text x="{left + 17}" y="44">{WORDS[quality]}</text>'
            left += 110


def panel(
    numbers: Counter[tuple[bool, str, str]], shown: list[str], sent: bool, top: int
) -> Iterator[str]:
    """Yield a bar for each day, in one direction."""
    totals = {day: sum(numbers[sent, day, quality] for quality in QUALITIES) for day in shown}
    most = round_up(max(1, *totals.values()))
    bottom = top + PANEL
    step = (WIDTH - LEFT - RIGHT) / len(shown)
    word = "sent" if sent else "received"
    yield f'<text x="{LEFT}" y="{top - 6}">{word}: {sum(totals.values()):,}</text>'
    for share, label in ((0, "0"), (1, f"{most:,}")):
        line = bottom - share * PANEL
        yield f'<line class="line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{line}" y2="{line}"/>'
        yield f'<text x="{LEFT - 8}" y="{line + 4}" text-anchor="end">{label}</text>'
    for position, day in enumerate(shown):
        left, y = LEFT + position * step, float(bottom)
        for quality in QUALITIES:
            if number := numbers[sent, day, quality]:
                height = number / most * PANEL
                y -= height
                yield (
                    f'<rect class="{quality}" x="{left + step * 0.1:.2f}" y="{y:.2f}"'
                    f' width="{step * 0.8:.2f}" height="{height:.2f}">'
                    f"<title>{day}, {word}, {WORDS[quality]}: {number:,}</title></rect>"
                )
        if position % -(-len(shown) // DATES) == 0:
            yield f'<text x="{left:.2f}" y="{bottom + 18}">{day}</text>'
