# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pillarbox.tls import chart
from pillarbox.tls.store import Count
from pillarbox.tls.traffic import QUALITIES, Way

SVG = "{http://www.w3.org/2000/svg}"
COUNTS = [
    Count("2026-11-25", "example.net", True, Way("dane", "TLSv1.3"), 30),
    Count("2026-11-25", "example.com", True, Way("dane", "TLSv1.2"), 10),
    Count("2026-11-25", "example.com", True, Way("clear"), 10),
    Count("2026-11-27", "example.net", False, Way("encrypted"), 7),
]


def drawn(counts: list[Count], since: str = "2026-11-25") -> ElementTree.Element:
    return ElementTree.fromstring(chart.svg(counts, since, "2026-11-27"))


def bars(picture: ElementTree.Element) -> dict[str, tuple[str, float, float]]:
    """By its title, the class of a bar, its upper edge and its height."""
    found = {}
    for rect in picture.iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            found[str(title.text)] = (
                rect.attrib["class"],
                float(rect.attrib["y"]),
                float(rect.attrib["height"]),
            )
    return found


def test_each_day_has_a_bar_in_proportion_to_its_messages() -> None:
    found = bars(drawn(COUNTS))
    dane = found.pop("2026-11-25, sent, DANE: 40")
    clear = found.pop("2026-11-25, sent, clear text: 10")
    encrypted = found.pop("2026-11-27, received, encrypted: 7")
    assert found == {}
    assert [bar[0] for bar in (dane, clear, encrypted)] == ["dane", "clear", "encrypted"]
    assert dane[2] == pytest.approx(4 * clear[2])
    # One on top of the other.
    assert clear[1] + clear[2] == pytest.approx(dane[1])
    # Below the panel of mail that was sent.
    assert encrypted[1] > dane[1] + dane[2]


def test_it_says_what_the_colours_mean_and_no_others() -> None:
    texts = [text.text for text in drawn(COUNTS).iter(f"{SVG}text")]
    assert {"DANE", "encrypted", "clear text", "sent: 50", "received: 7"} <= {*texts}
    assert "trusted" not in texts


def test_it_is_complete_without_mail_and_for_a_year() -> None:
    assert bars(drawn([])) == {}
    year = drawn(COUNTS, "2025-11-28")
    assert len(bars(year)) == 3
    dates = [text.text for text in year.iter(f"{SVG}text") if str(text.text).startswith("202")]
    assert len(dates) == 2 * 6


@pytest.mark.parametrize(
    ("number", "rounded"), [(1, 1), (7, 7), (10, 10), (51, 60), (99, 100), (1001, 2000)]
)
def test_the_scale_ends_at_a_round_number(number: int, rounded: int) -> None:
    assert chart.round_up(number) == rounded


def test_it_needs_nothing_from_elsewhere() -> None:
    picture = chart.svg(COUNTS, "2026-11-25", "2026-11-27")
    assert re.findall(r"https?://[^\"]*", picture) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|url\(|@import|href", picture)


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def colours(style: str) -> dict[str, str]:
    found = dict(re.findall(r"\.([\w-]+) { fill: (#\w+)", style))
    found["text"] = re.findall(r"^text {.*fill: (#\w+)", style, re.MULTILINE)[0]
    return found


def test_it_is_legible_in_light_and_in_dark() -> None:
    light, dark = map(colours, chart.STYLE.split("@media (prefers-color-scheme: dark)"))
    for scheme in (light, dark):
        assert contrast(scheme["text"], scheme["paper"]) >= 7
        for quality in QUALITIES:
            # WCAG 2.1 section 1.4.11 on what is needed to understand a graphic.
            assert contrast(scheme[quality], scheme["paper"]) >= 3, quality
        assert len({scheme[quality] for quality in QUALITIES}) == len(QUALITIES)
