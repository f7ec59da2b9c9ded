# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is behind an address, who may write as it, and which mail and logins are refused.

This module util is PRIVATE to the collection. The settings are those that passed their check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import passwd_keys

ROLE_NAMES = ("postmaster", "abuse", "hostmaster")
STATES = ("active", "suspended", "no_login", "send_only", "closed")
# What an account or a device logs in for; all but the last read mail or say how it is filed. Each
# has a table of whom it denies, denied.* in the role dovecot.
SERVICES = ("imap", "pop3", "sieve", "submission")
# What an account in this state may not log in to, and whether it takes mail.
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
    """The settings that decide about addresses.

    Attributes:
        users: mail_users.
        aliases: mail_aliases.
        domains: mail_domains, but for those that are parked.
        postmaster: the account that answers where nobody else does.
        hostname: the name of the host, which has addresses of its own.
        suspended_text: what an account is told that may not send and has no text of its own.
    """

    users: Accounts
    aliases: Mapping[str, list[str]] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    postmaster: str = ""
    hostname: str = ""
    suspended_text: str = ""


def own_addresses(address: str, account: Account) -> list[str]:
    """Return an account's own address and its aliases."""
    return [address, *account.get("aliases", ())]


def logins(address: str, account: Account) -> dict[str, tuple[str, ...]]:
    """Return the names to log in with, and the services that each is denied."""
    by_state = _DENIED.get(account.get("state", "active"), ())
    allowed = [s for s in account.get("services", SERVICES) if s not in by_state]
    names = {address: tuple(s for s in SERVICES if s not in allowed)}
    for device, app in account.get("app_passwords", {}).items():
        services = [service for service in app["services"] if service in allowed]
        names[device_login(address, device)] = tuple(s for s in SERVICES if s not in services)
    return names


def master_login(name: str) -> str:
    """Return what a master user is called in Dovecot's tables; no account can be called so."""
    return f"*{name}"


def device_login(address: str, device: str) -> str:
    """Return the name that a device logs in with to an account."""
    local, _at, domain = address.rpartition("@")
    return f"{local}+{device}@{domain}"


def forwards(settings: Addressing) -> dict[str, list[str]]:
    """Return where mail goes from each address that is no account; @domain is all the rest of it.

    The names that every domain must answer at (RFC 2142, RFC 5321 section 4.5.1) and the host's
    own go to the postmaster, unless they are said to go elsewhere.
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


def senders(settings: Addressing) -> dict[str, list[str]]:
    """Return the accounts that may write as an address; @domain is any other in it."""
    found: dict[str, list[str]] = {}
    claims = [
        (name, target)
        for name, targets in forwards(settings).items()
        # A list speaks for itself; who may write as it says so in senders.
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
    """Return what who writes to an account is told when it takes no mail."""
    state = account.get("state", "active")
    if state == "send_only":
        return _SENDS_ONLY
    return _closed(account) if state == "closed" else None


def _closed(account: Account) -> str:
    return _MOVED.format(account["moved_to"]) if account.get("moved_to") else _CLOSED


def refused_recipients(settings: Addressing) -> dict[str, str]:
    """Return the SMTP answer by each address of ours that takes no mail."""
    found: dict[str, str] = {}
    for options in settings.domains.values():
        found.update((address, _SWITCHED_OFF) for address in options.get("refuse", ()))
    for address, account in settings.users.items():
        answer = _answer(account)
        if answer:
            found.update((name, answer) for name in own_addresses(address, account))
    return found


def refused_senders(settings: Addressing) -> dict[str, str]:
    """Return the SMTP answer by each account that may not send."""
    return {
        address: _SUSPENDED.format(account.get("suspended_text") or settings.suspended_text)
        for address, account in settings.users.items()
        if account.get("state") == "suspended"
    }


def denied_logins(users: Accounts) -> dict[str, list[str]]:
    """Return the login names that each service turns away."""
    found: dict[str, list[str]] = {service: [] for service in SERVICES}
    for address, account in users.items():
        if not account.keys() & {"state", "services", "app_passwords"}:
            continue
        for name, services in logins(address, account).items():
            for service in services:
                found[service].extend(passwd_keys(name))
    return found


def expiries(users: Accounts) -> Iterator[tuple[str, str, str]]:
    """Yield the day, the table and its line for all that comes true when an account expires."""
    for address, account in users.items():
        if "expires" not in account:
            continue
        day = str(account["expires"])
        for name in logins(address, account):
            for key in passwd_keys(name):
                yield day, "logins", key
        # What takes no mail already goes on saying why.
        if account.get("state", "active") in RECEIVING:
            for name in own_addresses(address, account):
                yield day, "recipients", f"{name} {_closed(account)}"


def credentials(users: Accounts, masters: Accounts | None = None) -> dict[str, dict[str, str]]:
    """Return what each login is verified with, as the module passwd_file takes it.

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
    """Yield the way to each last address behind one; a way that bites its tail is a loop."""
    ways: list[tuple[str, ...]] = [(address,)]
    while ways:
        way = ways.pop()
        if way[-1] in way[:-1] or way[-1] not in forwards_to:
            yield way
        else:
            ways += [(*way, target) for target in forwards_to[way[-1]]]
