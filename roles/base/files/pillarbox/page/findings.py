# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daily check found, and what the host itself shows now."""

from __future__ import annotations

from collections.abc import Iterator

from pillarbox.check.finding import Finding
from pillarbox.check.page import by_urgency
from pillarbox.page.frame import text
from pillarbox.status.finding import at

# Seconds: the check runs daily, within two hours.
LATE = 27 * 3600


def html(found: list[Finding], checked: float | None, now: float) -> Iterator[str]:
    """Yield the findings.

    Args:
        checked: when the last check was, if there was one.
    """
    if checked is None:
        yield '<p class="unknown">The check has not run yet, which asks the DNS and connects to'
        yield "the ports of this host; systemctl start pillarbox-check.service runs it now.</p>"
    else:
        when = text(f"Checked {at(checked, now)}")
        if now - checked > LATE:
            yield f'<p class="warning">{when}, though it should run every day:'
            yield "systemctl status pillarbox-check.timer shows why not.</p>"
        else:
            yield f"<p>{when}.</p>"
    yield from by_urgency(found)
