# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What failed logins at the mail host lead to."""

from __future__ import annotations

import re

from tests.lab.lab.hosts import on


def forget_failures() -> None:
    """Clear Dovecot's authentication penalties, which delay the next logins."""
    # systemd limits the number of restarts, too.
    on("mx", "systemctl reset-failed dovecot; systemctl restart dovecot")


def banned() -> list[str]:
    """Return the addresses that fail2ban has banned, once the firewall refuses their connections.

    fail2ban names an address before it adds that to the firewall's rules.
    """
    rules = on("mx", "nft list table inet f2b-table 2>/dev/null", check=False)
    refused = re.split(r"[\s,{}]+", rules)
    named = on("mx", "fail2ban-client get pillarbox banip").split()
    return [address for address in named if address in refused]


def ban_after(failures: int) -> None:
    """Let fail2ban ban an address after so many failures, until unban().

    Dovecot delays each failure of a client for longer than the one before, up to 15 seconds.
    """
    on("mx", f"fail2ban-client set pillarbox maxretry {failures}")


def unban() -> None:
    on("mx", "fail2ban-client unban --all; fail2ban-client set pillarbox maxretry 10")
