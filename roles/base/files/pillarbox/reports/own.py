# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours in the reports of others."""

from __future__ import annotations

from ipaddress import ip_address

from pillarbox.commands import run
from pillarbox.parts import switched_on


def addresses() -> frozenset[str]:
    """Return the addresses of this host: those that others see, and those of its interfaces."""
    public = (switched_on("base") or {}).get("addresses", [])
    local = run("hostname", "--all-ip-addresses").decode().split()
    return frozenset(ip_address(address).compressed for address in [*public, *local])
