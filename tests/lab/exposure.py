# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exposure of services, as rated by systemd."""

from __future__ import annotations

import re

from tests.lab import lab

# systemd rates higher values as "exposed".
MOST = 5.0


def exposed(*units: str) -> dict[str, float]:
    """Return the given services on the mail host that are rated as exposed."""
    said = lab.on("mx", f"systemd-analyze security --no-pager {' '.join(units)}")
    levels = dict(re.findall(r"Overall exposure level for (\S+)\.service: ([\d.]+)", said))
    assert len(levels) == len(units), said
    return {unit: float(level) for unit, level in levels.items() if float(level) > MOST}
