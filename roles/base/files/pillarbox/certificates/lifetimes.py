# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due. Imports no library, so that "pillarbox status" starts fast."""

from __future__ import annotations

import hashlib
from datetime import timedelta


def renewal_margin(life: timedelta, renew_days: int, delay: float = 0.0) -> timedelta:
    """Return how long before its end a certificate of this lifetime is renewed.

    At most a third of the lifetime: a certificate valid for six days is not due at once. A delay
    shortens it by this part.
    """
    return min(timedelta(days=renew_days), life / 3) * (1 - delay)


def delay_of(name: str) -> float:
    """Return the delay of a name, up to a quarter of the margin.

    What was issued in one day is then not due again in one day, a load that CAs ask to avoid.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**34


def rest_after(tries: int) -> timedelta:
    """Return how long to wait after so many failed orders in a row: an hour, doubling to a day.

    Let's Encrypt accepts five failed validations of a name in an hour.
    """
    # The timer may fire a little earlier than the day before.
    return timedelta(hours=min(2 ** (tries - 1), 23))
