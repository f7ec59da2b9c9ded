# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of all accounts, aliases and domains together.

This module util is PRIVATE to the collection. Malformed settings are ignored here; the checks of
single settings report them.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    ROLE_NAMES,
    Account,
    expansion,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import address, domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    did_you_mean,
    member,
    well_formed,
)

_EXPANSION = 1000  # Postfix's virtual_alias_expansion_limit


class Directory:
    """All well-formed addresses of the settings, and where each is set.

    Args:
        settings: the roles' variables by name.
        today: the date from which an account's expiry is judged.
    """

    def __init__(self, settings: Mapping[str, Any], today: datetime.date) -> None:
        self.today = today
        self.domains: dict[str, Mapping[str, Any]] = {
            name: options
            for name, options in well_formed(settings.get("mail_domains"), domain_name)
            if isinstance(options, Mapping)
        }
        self.users: dict[str, Account] = {
            name: account
            for name, account in well_formed(settings.get("mail_users"), address)
            if isinstance(account, Mapping)
        }
        self.lists: dict[str, list[str]] = {
            name: _strings(targets)
            for name, targets in well_formed(settings.get("mail_aliases"), address)
        }
        self.postmaster = settings.get("mail_postmaster")
        delimiters = settings.get("mail_recipient_delimiters", "+")
        self.delimiters = delimiters if isinstance(delimiters, str) else ""
        self.reports = settings.get("mail_reports")
        # Where each alias is set, and its recipients.
        self.set_at: dict[str, str] = {}
        self.forwards: dict[str, list[str]] = {}
        for user, account in self.users.items():
            for number, alias in enumerate(_strings(account.get("aliases"))):
                where = member(f"{member('mail_users', user)}.aliases", number)
                self.set_at.setdefault(alias, where)
                self.forwards.setdefault(alias, [user])
        for name, targets in self.lists.items():
            self.set_at.setdefault(name, member("mail_aliases", name))
            self.forwards.setdefault(name, targets)

    def problems(self) -> Iterator[Problem]:
        """Yield everything that is inconsistent."""
        for user, account in self.users.items():
            where = member("mail_users", user)
            yield from self._domain(where, user)
            yield from self._aliases(where, user, account)
            yield from self._senders(where, account)
            yield from self._expiry(where, account)
            yield from self._delimiter(where, user)
        yield from self._report_name()
        for name, targets in self.lists.items():
            yield from self._list(name, targets)
        for name, options in self.domains.items():
            yield from self._catch_all(name, options)
        yield from self._role_names()

    def _domain(self, where: str, name: str) -> Iterator[Problem]:
        domain = name.rpartition("@")[2]
        options = self.domains.get(domain)
        if self.domains and options is None and "@" in name:
            close = difflib.get_close_matches(domain, self.domains, 1)
            remedy = f"did you mean {close[0]}?" if close else "add it there"
            yield where, f"is in {domain}, which is not one of mail_domains; {remedy}"
        elif options and options.get("parked") is True:
            yield where, f"is in {domain}, which is parked; remove parked from that domain"

    def _taken(self, where: str, name: str) -> Iterator[Problem]:
        """Yield an address that is set twice."""
        if name in self.users:
            yield where, f"is {name}, which is also an account; remove one of them"
        elif self.set_at.get(name, where) != where:
            yield where, f"is {name}, which is also {self.set_at[name]}; remove one of them"

    def _aliases(self, where: str, user: str, account: Account) -> Iterator[Problem]:
        seen = set()
        for number, alias in enumerate(_strings(account.get("aliases"))):
            here = member(f"{where}.aliases", number)
            yield from self._domain(here, alias)
            if alias == user:
                yield here, f"is {alias}, the account itself; remove it"
            elif alias not in seen:
                yield from self._taken(here, alias)
            seen.add(alias)

    def _senders(self, where: str, account: Account) -> Iterator[Problem]:
        for number, sender in enumerate(_strings(account.get("senders"))):
            if not sender.startswith("@") and not self._exists(sender):
                yield (
                    member(f"{where}.senders", number),
                    f"is {sender}, where nobody receives replies; add it to aliases as well",
                )

    def _expiry(self, where: str, account: Account) -> Iterator[Problem]:
        day = str(account.get("expires", ""))
        try:
            past = datetime.date.fromisoformat(day) <= self.today
        except ValueError:
            return
        if past:
            yield (
                f"{where}.expires",
                f"is {day}, so the account is already closed; set a later date or the state closed"
                " or no_login, or remove the account",
            )

    def _delimiter(self, where: str, user: str) -> Iterator[Problem]:
        found = sorted(set(user.rpartition("@")[0]) & set(self.delimiters))
        if found:
            yield (
                where,
                f"contains {found[0]!r}, which is one of mail_recipient_delimiters; remove it from"
                " there, or make this an alias of an account whose name does not contain it",
            )

    def _report_name(self) -> Iterator[Problem]:
        name = self.reports if isinstance(self.reports, str) else ""
        if found := sorted(set(name) & set(self.delimiters)):
            yield (
                "mail_reports",
                f"contains {found[0]!r}, which is one of mail_recipient_delimiters; choose another",
            )

    def _list(self, name: str, targets: list[str]) -> Iterator[Problem]:
        where = member("mail_aliases", name)
        yield from self._domain(where, name)
        yield from self._taken(where, name)
        for number, target in enumerate(targets):
            here = member(where, number)
            if target == name:
                yield here, f"is {name}, the alias itself; remove it"
            else:
                yield from self._recipient(here, target)
        for count, path in enumerate(expansion(name, self.forwards), 1):
            if path[-1] == name and len(path) > 2:
                yield where, f"forms a loop, {' to '.join(path)}; break it"
                return
            if path[-1] in path[:-1]:
                return  # a loop further on, which is reported there
            if count > _EXPANSION:
                yield where, f"has more than {_EXPANSION} recipients; use a mailing list manager"
                return

    def _recipient(self, where: str, target: str) -> Iterator[Problem]:
        """Yield why mail cannot be forwarded to an address."""
        account = self.users.get(target)
        if account is not None:
            state = account.get("state", "active")
            if state in ("send_only", "closed"):
                yield where, f"is {target}, which receives no mail in state {state}; remove it"
        elif not self._exists(target):
            known = [*self.users, *self.forwards]
            yield (
                where,
                f"is {target}, not an address of this server; {did_you_mean(target, known)}",
            )

    def _exists(self, name: str) -> bool:
        """Whether an address receives mail, if it is one of this server."""
        local, _at, domain = name.rpartition("@")
        if domain not in self.domains or local in (*ROLE_NAMES, self.reports):
            return True
        base = re.split(f"[{re.escape(self.delimiters)}]", local)[0] if self.delimiters else local
        known = name in self.forwards or any(
            f"{base}@{domain}" in names for names in (self.users, self.forwards)
        )
        return known or name in self.users or bool(self.domains[domain].get("catch_all"))

    def _catch_all(self, domain: str, options: Mapping[str, Any]) -> Iterator[Problem]:
        where = member("mail_domains", domain)
        target = options.get("catch_all")
        if isinstance(target, str):
            if options.get("parked") is True:
                yield (
                    f"{where}.catch_all",
                    "has no effect, as a parked domain receives no mail; remove it",
                )
            elif target.rpartition("@")[2] == domain and not self._is_listed(target):
                yield (
                    f"{where}.catch_all",
                    f"is {target}, which does not exist itself; name an account or alias",
                )
            else:
                yield from self._recipient(f"{where}.catch_all", target)
        for number, name in enumerate(_strings(options.get("refuse"))):
            here = member(f"{where}.refuse", number)
            local, _at, other = name.rpartition("@")
            if target is None:
                yield here, "has no effect without catch_all; unknown addresses are refused anyway"
            elif other != domain:
                yield here, f"is in {other}; list it there"
            elif local in ROLE_NAMES:
                yield here, f"is {name}, which must accept mail (RFC 2142); remove it"
            elif name in self.users or name in self.forwards:
                yield here, f"is {name}, an account or alias; remove that instead"

    def _is_listed(self, name: str) -> bool:
        return name in self.users or name in self.set_at

    def _role_names(self) -> Iterator[Problem]:
        """Yield addresses that must accept mail (RFC 2142) and would not."""
        if isinstance(self.postmaster, str) and self.postmaster in self.users:
            yield from self._answers("mail_postmaster", "is", self.postmaster)
        for domain in self.domains:
            for name in ROLE_NAMES:
                role = f"{name}@{domain}"
                if role in self.users:
                    yield from self._answers(member("mail_users", role), "is", role)
                elif role in self.set_at and role not in self.lists:
                    owner = self.forwards[role][0]
                    yield from self._answers(self.set_at[role], f"is {role} of", owner)

    def _answers(self, where: str, of: str, user: str) -> Iterator[Problem]:
        account = self.users[user]
        state = account.get("state", "active")
        must = "but postmaster, abuse and hostmaster must accept mail (RFC 2142)"
        if state in ("send_only", "closed"):
            yield (
                where,
                f"{of} {user}, which receives no mail in state {state}, {must}; choose another",
            )
        elif "expires" in account:
            yield where, f"{of} {user}, which expires, {must}; choose another"


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
