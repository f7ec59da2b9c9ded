# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox tls" has counted on the mail host."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.lab import lab

# Partner, direction, quality, TLS version, and the number of the cipher.
Row = tuple[str, str, str, str | None, str | None]
AES_256_GCM = "0x13,0x02"


def table() -> dict[str, Any]:
    """Return the whole answer."""
    # Without standard error: it also says that the journal has begun anew, as it has after a reboot
    # of the lab's hosts, or that another run has to end first.
    answer: dict[str, Any] = json.loads(lab.on("mx", "pillarbox tls --json 2>/dev/null"))
    return answer


def counted() -> tuple[Counter[Row], Counter[str]]:
    """Return the messages, and the connections without mail."""
    answer = table()
    rows: Counter[Row] = Counter()
    for partner in answer["partners"]:
        for way in partner["ways"]:
            row = (way["direction"], way["quality"], way["version"], way["number"])
            rows[partner["partner"], *row] += way["messages"]
    return rows, Counter(answer["without_mail"])


def added(before: Counter[Row]) -> Counter[Row]:
    """Return the messages that were counted since then."""
    return counted()[0] - before


def eventually(before: Counter[Row], expected: Row) -> None:
    """Wait until such a message was counted. Mail of other tests may still be on its way."""
    lab.eventually(f"{expected}", lambda: added(before)[expected] or None)
