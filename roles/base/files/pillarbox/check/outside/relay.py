# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the controller, a stranger to the host, can send mail through it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from pillarbox.check.each import each
from pillarbox.check.finding import NOTE, Finding
from pillarbox.check.names import ELSEWHERE, source_for
from pillarbox.check.outside.view import View
from pillarbox.check.relay import Session, attempt
from pillarbox.check.settings import Address, is_in

CHECK = "relay from outside"
# Seconds for each answer; that port 25 has none at all is found by the check of ports, too.
PATIENCE = 12


def relaying(view: View) -> Iterator[Finding]:
    """Try to relay to one address of each version that can be reached."""
    tried = {address.version: address for address in reversed(view.addresses)}
    return each(CHECK, tried.values() if view.domains else (), lambda one: _relaying(view, one))


def _relaying(view: View, address: Address) -> Finding | None:
    subject = str(address)
    here = source_for(ELSEWHERE[address.version][0], subject)
    if not here:
        return None
    if is_in(ip_address(here), view.relay_networks):
        return Finding(CHECK, subject, NOTE, f"{here} is in mail_relay_networks: not tested")
    # Of a stranger, Postfix accepts no name that is not complete; an address is (RFC 5321 section
    # 4.1.3).
    name = f"[{here}]" if address.version == 4 else f"[IPv6:{here}]"
    with Session(subject, name=name, patience=PATIENCE) as session:
        return attempt(session, CHECK, subject, view.hostname, view.domains)
