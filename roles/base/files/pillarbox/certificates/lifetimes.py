# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due. Imports no library, so that "pillarbox status" starts fast."""

from __future__ import annotations

from datetime import timedelta


def renewal_margin(life: timedelta, renew_days: int) -> timedelta:
    """Return how long before its end a certificate of this lifetime is renewed.

    At most a third of the lifetime: a certificate valid for six days is not due at once.
    """
    return min(timedelta(days=renew_days), life / 3)
