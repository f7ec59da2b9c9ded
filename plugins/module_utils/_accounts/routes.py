# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of outgoing mail, and the addresses and domains that forward to other servers.

This module util is PRIVATE to the collection. It expects validated settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    Addressing,
    expansion,
    forwards,
    own_addresses,
    report_addresses,
)

# Transports in master.cf. An empty next hop is the recipient's own server.
DIRECT = "smtp:"
# Only these authenticate. Port 465 uses implicit TLS (RFC 8314 section 3.3).
_SMARTHOST, _SMARTHOST_TLS = "smarthost", "smarthost-tls"
# The key of the smarthost for all senders without one of their own.
ALL_OTHERS = "*"
SMTP = 25
SUBMISSION = 587  # RFC 6409 section 3.1
SUBMISSIONS = 465

Smarthosts = Mapping[str, Mapping[str, Any]]
RelayDomains = Mapping[str, Mapping[str, Any]]


def next_hop(smarthost: Mapping[str, Any]) -> str:
    """Return the server in Postfix's notation; brackets suppress the MX lookup."""
    return f"[{smarthost['host']}]:{smarthost.get('port', SUBMISSION)}"


def _transport(smarthost: Mapping[str, Any]) -> str:
    service = _SMARTHOST_TLS if smarthost.get("port") == SUBMISSIONS else _SMARTHOST
    return f"{service}:{next_hop(smarthost)}"


def _table_key(sender: str) -> str:
    return sender if "@" in sender else f"@{sender}"


def default_transport(smarthosts: Smarthosts) -> str:
    """Return the transport of senders without a smarthost of their own."""
    return _transport(smarthosts[ALL_OTHERS]) if ALL_OTHERS in smarthosts else DIRECT


def sender_transports(settings: Addressing, smarthosts: Smarthosts) -> dict[str, str]:
    """Return the transport of outgoing mail by envelope sender; @domain is any address in it.

    The listed senders are those that SRS does not rewrite: our domains, the addresses that logins
    may send as, and the null sender of bounces.
    """
    found = dict.fromkeys(("<>", *_kept_senders(settings)), default_transport(smarthosts))
    own = {_table_key(name): host for name, host in smarthosts.items() if name != ALL_OTHERS}
    for sender in found:
        domain = f"@{sender.rpartition('@')[2]}"
        if domain in own:
            found[sender] = _transport(own[domain])
    found.update((sender, _transport(smarthost)) for sender, smarthost in own.items())
    return found


def smarthost_passwords(smarthosts: Smarthosts) -> dict[str, str]:
    """Return the credentials by sender, or by server for all other senders."""
    return {
        next_hop(host) if name == ALL_OTHERS else _table_key(name): (
            f"{host['username']}:{host['password']}"
        )
        for name, host in smarthosts.items()
        if "username" in host
    }


def tls_policies(policies: Mapping[str, Any], smarthosts: Smarthosts) -> dict[str, str]:
    """Return the TLS policy by destination, for smtp_tls_policy_maps.

    The name of a smarthost is in the settings, so its certificate must match that name.
    """
    found = {next_hop(smarthost): "secure" for smarthost in smarthosts.values()}
    for destination, policy in policies.items():
        level, match = policy, []
        if isinstance(policy, Mapping):
            level, match = policy["level"], policy.get("match", [])
        found[destination] = f"{level} match={':'.join(match)}" if match else level
    return found


def tls_policies_below(policies: Mapping[str, Any]) -> str:
    """Return the policies for the subdomains of a domain as regexp_table(5), longest first."""
    below = {
        name: policy for name, policy in tls_policies(policies, {}).items() if name.startswith(".")
    }
    return "".join(
        f"/{re.escape(name)}$/ {below[name]}\n" for name in sorted(below, key=len, reverse=True)
    )


def _kept_senders(settings: Addressing) -> Iterator[str]:
    for domain in (*settings.domains, settings.hostname):
        yield f"@{domain}"
    for account in settings.users.values():
        for sender in account.get("senders", ()):
            if not _is_ours(sender, settings):
                yield sender


def relay_recipients(relayed: RelayDomains) -> dict[str, str]:
    """Return the recipients to accept in relayed domains; @domain is any address in it."""
    found: dict[str, str] = {}
    for domain, options in relayed.items():
        listed = options.get("recipients")
        found.update(dict.fromkeys(listed, "listed") if listed else {f"@{domain}": "asked"})
    return found


def relay_checks(relayed: RelayDomains) -> dict[str, str]:
    """Return the domains whose recipients their own server verifies, as access(5)."""
    return {
        domain: "reject_unverified_recipient"
        for domain, options in relayed.items()
        if not options.get("recipients")
    }


def relay_transports(relayed: RelayDomains) -> dict[str, str]:
    """Return the server of each relayed domain that is not found by MX, as transport(5)."""
    return {
        domain: f"relay:[{options['host']}]:{options.get('port', SMTP)}"
        for domain, options in relayed.items()
        if "host" in options
    }


def sent_on(settings: Addressing, relayed: RelayDomains) -> dict[str, str]:
    """Return the addresses that forward mail to another server; @domain is the catch-all.

    If a catch-all forwards, the addresses of its domain that keep their mail are listed as well.
    """
    ways = forwards(settings)
    rests = {name for name in ways if name.startswith("@")}
    # A target in our domains that is neither an account nor an alias belongs to the catch-all.
    for targets in list(ways.values()):
        for target in targets:
            rest = f"@{target.rpartition('@')[2]}"
            if rest in rests and target not in ways and target not in settings.users:
                ways[target] = ways[rest]
    found = {
        address: "elsewhere"
        for address in ways
        if any(
            not _is_ours(way[-1], settings) or way[-1].rpartition("@")[2] in relayed
            for way in expansion(address, ways)
        )
    }
    found.update((f"@{domain}", "elsewhere") for domain in relayed)
    here = [
        name
        for address, account in settings.users.items()
        for name in own_addresses(address, account)
    ]
    for address in (*here, *report_addresses(settings, relayed).values(), *ways):
        if f"@{address.rpartition('@')[2]}" in found:
            found.setdefault(address, "here")
    return found


def _is_ours(address: str, settings: Addressing) -> bool:
    domain = address.rpartition("@")[2]
    return domain in settings.domains or domain in (settings.hostname, "localhost")
