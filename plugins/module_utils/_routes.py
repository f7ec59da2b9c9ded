# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which way mail leaves the host, and which addresses send mail on to other servers.

This module util is PRIVATE to the collection. The settings are those that passed their check.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.pillarbox.mail.plugins.module_utils._addresses import (
    Addressing,
    expansion,
    forwards,
    own_addresses,
)

DIRECT = "smtp:"  # to the recipient's own server


def sender_transports(settings: Addressing) -> dict[str, str]:
    """Return the transport of mail that leaves by its envelope sender; @domain is any in it.

    These senders are kept: our domains, what a login may write as, and the empty one of bounces.
    """
    return dict.fromkeys(("<>", *_kept_senders(settings)), DIRECT)


def _kept_senders(settings: Addressing) -> Iterator[str]:
    for domain in (*settings.domains, settings.hostname):
        yield f"@{domain}"
    for account in settings.users.values():
        for sender in account.get("senders", ()):
            if not _is_ours(sender, settings):
                yield sender


def sent_on(settings: Addressing) -> dict[str, str]:
    """Return the addresses from which mail goes on to another server; @domain is all the rest.

    Where that is so of the rest of a domain, the addresses that keep their mail are there too.
    """
    ways = forwards(settings)
    rests = {name for name in ways if name.startswith("@")}
    # An address of ours that is nobody's own is one of the rest.
    for targets in list(ways.values()):
        for target in targets:
            rest = f"@{target.rpartition('@')[2]}"
            if rest in rests and target not in ways and target not in settings.users:
                ways[target] = ways[rest]
    found = {
        address: "elsewhere"
        for address in ways
        if any(not _is_ours(way[-1], settings) for way in expansion(address, ways))
    }
    here = [
        name
        for address, account in settings.users.items()
        for name in own_addresses(address, account)
    ]
    for address in (*here, *ways):
        if f"@{address.rpartition('@')[2]}" in found:
            found.setdefault(address, "here")
    return found


def _is_ours(address: str, settings: Addressing) -> bool:
    domain = address.rpartition("@")[2]
    return domain in settings.domains or domain in (settings.hostname, "localhost")
