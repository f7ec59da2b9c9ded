# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Map addresses to accounts and permitted senders, and list refused mail and logins.

This module util is PRIVATE to the collection. It expects validated settings.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import passwd_keys

ROLE_NAMES = ("postmaster", "abuse", "hostmaster")
STATES = ("active", "suspended", "no_login", "send_only", "closed")
# The services that accounts and devices log in to; all but the last give access to what an account
# stores here. Each has a table of denied logins, denied.* in role dovecot.
SERVICES = ("imap", "pop3", "sieve", "dav", "submission")
# The services that each state denies, and the states that accept mail.
_DENIED = {"no_login": SERVICES, "send_only": SERVICES[:-1], "closed": SERVICES}
RECEIVING = ("active", "suspended", "no_login")

# RFC 3463; 551 is RFC 5321 section 3.4, 525 and X.7.13 the registry of RFC 5248.
_MOVED = "551 5.1.6 This mailbox has moved; please try <{}>"
_CLOSED = "550 5.2.1 This mailbox is closed"
_SENDS_ONLY = "550 5.2.1 This address sends mail and takes none"
_SWITCHED_OFF = "550 5.1.1 This address is no longer in use"
_SUSPENDED = "525 5.7.13 {}"

Account = Mapping[str, Any]
Accounts = Mapping[str, Account]


@dataclass(frozen=True)
class Addressing:
    """The settings that concern addresses.

    Attributes:
        users: mail_users.
        aliases: mail_aliases.
        domains: mail_domains without the parked ones.
        postmaster: the account that gets mail to role addresses without a recipient of their own.
        hostname: the name of the host, which has addresses of its own.
        suspended_text: the SMTP answer to suspended accounts without a text of their own.
        reports: the local part of the addresses that take reports; empty if there are none.
    """

    users: Accounts
    aliases: Mapping[str, list[str]] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    postmaster: str = ""
    hostname: str = ""
    suspended_text: str = ""
    reports: str = ""


def own_addresses(address: str, account: Account) -> list[str]:
    """Return an account's own address and its aliases."""
    return [address, *account.get("aliases", ())]


def logins(address: str, account: Account) -> dict[str, tuple[str, ...]]:
    """Return the login names of an account, each with the services that it is denied."""
    by_state = _DENIED.get(account.get("state", "active"), ())
    allowed = [s for s in account.get("services", SERVICES) if s not in by_state]
    names = {address: tuple(s for s in SERVICES if s not in allowed)}
    for device, app in account.get("app_passwords", {}).items():
        services = [service for service in app["services"] if service in allowed]
        names[device_login(address, device)] = tuple(s for s in SERVICES if s not in services)
    return names


def master_login(name: str) -> str:
    """Return the name of a master user in Dovecot's tables, which no account can have."""
    return f"*{name}"


def device_login(address: str, device: str) -> str:
    """Return the login name of an account's device."""
    local, _at, domain = address.rpartition("@")
    return f"{local}+{device}@{domain}"


def forwards(settings: Addressing) -> dict[str, list[str]]:
    """Return the targets of each address that is not an account; @domain is its catch-all.

    The addresses that every domain must have (RFC 2142, RFC 5321 section 4.5.1) and those of the
    host go to the postmaster, unless the settings have another target.
    """
    found = {
        f"{name}@{domain}": [settings.postmaster]
        for domain in (*settings.domains, settings.hostname)
        for name in ROLE_NAMES
    }
    for name in (f"root@{settings.hostname}", "root@localhost"):
        found[name] = [settings.postmaster]
    for domain, options in settings.domains.items():
        if options.get("catch_all"):
            found[f"@{domain}"] = [options["catch_all"]]
    for address, account in settings.users.items():
        found.pop(address, None)
        found.update((alias, [address]) for alias in account.get("aliases", ()))
    found.update((address, list(targets)) for address, targets in settings.aliases.items())
    return found


def report_addresses(settings: Addressing, relayed: Container[str] = ()) -> dict[str, str]:
    """Return by domain the address that takes reports, unless the settings say otherwise.

    Args:
        relayed: domains whose mail another server gets.
    """
    taken = {*settings.users, *forwards(settings)}
    found = {}
    for domain, options in settings.domains.items():
        address = f"{settings.reports}@{domain}"
        free = address not in taken and address not in options.get("refuse", ())
        wanted = settings.reports and options.get("reports", True) and domain not in relayed
        if wanted and free:
            found[domain] = address
    return found


def senders(settings: Addressing) -> dict[str, list[str]]:
    """Return the accounts that may send as an address; @domain is any other address in it."""
    found: dict[str, list[str]] = {}
    claims = [
        (name, target)
        for name, targets in forwards(settings).items()
        # Members of a list may not send as the list, unless their senders contain it.
        if name not in settings.aliases
        for target in targets
        if target in settings.users
    ]
    for address, account in settings.users.items():
        claims += [(sender, address) for sender in (address, *account.get("senders", ()))]
    for sender, account_address in claims:
        accounts = found.setdefault(sender, [])
        if account_address not in accounts:
            accounts.append(account_address)
    return found


def _answer(account: Account) -> str | None:
    """Return the SMTP answer to mail for an account that accepts none, or None if it does."""
    state = account.get("state", "active")
    if state == "send_only":
        return _SENDS_ONLY
    return _closed(account) if state == "closed" else None


def _closed(account: Account) -> str:
    return _MOVED.format(account["moved_to"]) if account.get("moved_to") else _CLOSED


def refused_recipients(settings: Addressing) -> dict[str, str]:
    """Return the SMTP answer for each of our addresses that accepts no mail."""
    found: dict[str, str] = {}
    for options in settings.domains.values():
        found.update((address, _SWITCHED_OFF) for address in options.get("refuse", ()))
    for address, account in settings.users.items():
        answer = _answer(account)
        if answer:
            found.update((name, answer) for name in own_addresses(address, account))
    return found


def refused_senders(settings: Addressing) -> dict[str, str]:
    """Return the SMTP answer for each account that may not send."""
    return {
        address: _SUSPENDED.format(account.get("suspended_text") or settings.suspended_text)
        for address, account in settings.users.items()
        if account.get("state") == "suspended"
    }


def denied_logins(users: Accounts) -> dict[str, list[str]]:
    """Return the login names that each service denies."""
    found: dict[str, list[str]] = {service: [] for service in SERVICES}
    for address, account in users.items():
        if not account.keys() & {"state", "services", "app_passwords"}:
            continue
        for name, services in logins(address, account).items():
            for service in services:
                found[service].extend(passwd_keys(name))
    return found


def expiries(users: Accounts) -> Iterator[tuple[str, str, str]]:
    """Yield the day, the table and the line of each entry that applies once an account expires."""
    for address, account in users.items():
        if "expires" not in account:
            continue
        day = str(account["expires"])
        for name in logins(address, account):
            for key in passwd_keys(name):
                yield day, "logins", key
        # An account that accepts no mail anyway keeps its own answer.
        if account.get("state", "active") in RECEIVING:
            for name in own_addresses(address, account):
                yield day, "recipients", f"{name} {_closed(account)}"


def credentials(users: Accounts, masters: Accounts | None = None) -> dict[str, dict[str, str]]:
    """Return the password or hash of each login, in the format of module passwd_file.

    Args:
        users: mail_users.
        masters: mail_master_users.
    """
    found = {master_login(name): _secret(master) for name, master in (masters or {}).items()}
    for address, account in users.items():
        found[address] = _secret(account)
        for device, app in account.get("app_passwords", {}).items():
            found[device_login(address, device)] = _secret(app)
    return found


def _secret(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: entry[key] for key in ("password", "password_hash") if key in entry}


def expansion(address: str, forwards_to: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the path to each final address of one; a path that ends in a repetition is a loop."""
    ways: list[tuple[str, ...]] = [(address,)]
    while ways:
        way = ways.pop()
        if way[-1] in way[:-1] or way[-1] not in forwards_to:
            yield way
        else:
            ways += [(*way, target) for target in forwards_to[way[-1]]]
