# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What site.yml says of the reports that this host sends."""

from __future__ import annotations

from typing import NamedTuple

from pillarbox import Failure
from pillarbox.parts import part


class Settings(NamedTuple):
    """Who sends TLS reports, and the port of Postfix on loopback that takes them."""

    sender: str
    port: int


def own_domains() -> frozenset[str]:
    """Return the domains that get no reports: those of this host."""
    base, postfix = part("base"), part("postfix")
    return frozenset([
        base["hostname"],
        *base["domains"],
        *base["parked"],
        *postfix["send_reports"]["relayed"],
    ])  # fmt: skip


def kinds() -> list[str]:
    """Return which reports this host sends: tls, dmarc."""
    found: list[str] = part("postfix")["send_reports"]["kinds"]
    return found


def settings() -> Settings:
    """Return the settings of TLS reports. Raises Failure if this host sends none."""
    if "tls" not in kinds():
        raise Failure("this host sends no TLS reports; add tls to mail_send_reports")
    found = part("postfix")["send_reports"]
    return Settings(found["sender"], found["port"])
