# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text format of Prometheus.

Names follow https://prometheus.io/docs/practices/naming/: base units, and "_total" for counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

GAUGE, COUNTER = "gauge", "counter"
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

# The labels of a sample, and its value.
Sample = tuple[Mapping[str, str], float]


class Family(NamedTuple):
    """All samples of one name."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def gauge(name: str, text: str, *samples: Sample) -> Family:
    """Return values that go up and down."""
    return Family(name, GAUGE, text, list(samples))


def counter(name: str, text: str, *samples: Sample) -> Family:
    """Return values that only grow."""
    return Family(name, COUNTER, text, list(samples))


def plain(name: str, text: str, value: float) -> Family:
    """Return a gauge without labels."""
    return gauge(name, text, ({}, value))


def as_text(families: Iterable[Family]) -> str:
    """Return families with their samples, a line each; a family without samples is left out."""
    return "".join(_family(family) for family in families if family.samples)


def _family(family: Family) -> str:
    lines = [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
    lines += [f"{family.name}{_labels(labels)} {value:.15g}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = (f'{name}="{value.translate(ESCAPES)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}" if labels else ""
