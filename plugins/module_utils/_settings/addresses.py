# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What contradicts itself in the settings of all addresses together.

This module util is PRIVATE to the collection. What is not well-formed is told of elsewhere and left
out here.
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
    """All addresses of the settings as far as they are well-formed, and where each is said.

    Args:
        settings: the roles' variables by name.
        today: the date by which accounts have expired.
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
        # Where each address is said that mail goes on from, and where it goes to.
        self.said: dict[str, str] = {}
        self.forwards: dict[str, list[str]] = {}
        for user, account in self.users.items():
            for number, alias in enumerate(_strings(account.get("aliases"))):
                where = member(f"{member('mail_users', user)}.aliases", number)
                self.said.setdefault(alias, where)
                self.forwards.setdefault(alias, [user])
        for name, targets in self.lists.items():
            self.said.setdefault(name, member("mail_aliases", name))
            self.forwards.setdefault(name, targets)

    def problems(self) -> Iterator[Problem]:
        """Yield all contradictions."""
        for user, account in self.users.items():
            where = member("mail_users", user)
            yield from self._domain(where, user)
            yield from self._aliases(where, user, account)
            yield from self._senders(where, account)
            yield from self._expiry(where, account)
            yield from self._delimiter(where, user)
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
            yield where, f"is in {domain}, not one of mail_domains; {remedy}"
        elif options and options.get("parked") is True:
            yield where, f"is in {domain}, which is parked; take parked from it"

    def _taken(self, where: str, name: str) -> Iterator[Problem]:
        """Yield that an address goes to two places."""
        if name in self.users:
            yield where, f"is {name}, which is an account too; keep one of them"
        elif self.said.get(name, where) != where:
            yield where, f"is {name}, which {self.said[name]} is too; keep one of them"

    def _aliases(self, where: str, user: str, account: Account) -> Iterator[Problem]:
        seen = set()
        for number, alias in enumerate(_strings(account.get("aliases"))):
            here = member(f"{where}.aliases", number)
            yield from self._domain(here, alias)
            if alias == user:
                yield here, f"is {alias}, the account itself; leave it out"
            elif alias not in seen:
                yield from self._taken(here, alias)
            seen.add(alias)

    def _senders(self, where: str, account: Account) -> Iterator[Problem]:
        for number, sender in enumerate(_strings(account.get("senders"))):
            if not sender.startswith("@") and not self._exists(sender):
                yield (
                    member(f"{where}.senders", number),
                    f"is {sender}, at which nobody gets the answers; make it an alias too",
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
                f"is {day}, so the account is closed since; write another date, the state closed or"
                " no_login, or remove the account",
            )

    def _delimiter(self, where: str, user: str) -> Iterator[Problem]:
        found = sorted(set(user.rpartition("@")[0]) & set(self.delimiters))
        if found:
            yield (
                where,
                f"has {found[0]!r} in it, at which mail_recipient_delimiters has an address end;"
                " take it from there, or make this an alias of an account without",
            )

    def _list(self, name: str, targets: list[str]) -> Iterator[Problem]:
        where = member("mail_aliases", name)
        yield from self._domain(where, name)
        yield from self._taken(where, name)
        for number, target in enumerate(targets):
            here = member(where, number)
            if target == name:
                yield here, f"is {name}, the alias itself; leave it out"
            else:
                yield from self._recipient(here, target)
        for count, path in enumerate(expansion(name, self.forwards), 1):
            if path[-1] == name and len(path) > 2:
                yield where, f"is a loop, {' to '.join(path)}; break it somewhere"
                return
            if path[-1] in path[:-1]:
                return  # a loop further on, which has its own message
            if count > _EXPANSION:
                yield where, f"has more than {_EXPANSION} recipients; a list manager is for those"
                return

    def _recipient(self, where: str, target: str) -> Iterator[Problem]:
        """Yield why mail cannot be sent on to an address."""
        account = self.users.get(target)
        if account is not None:
            state = account.get("state", "active")
            if state in ("send_only", "closed"):
                yield where, f"is {target}, whose state {state} takes no mail; leave it out"
        elif not self._exists(target):
            known = [*self.users, *self.forwards]
            yield where, f"is {target}, no address of this server; {did_you_mean(target, known)}"

    def _exists(self, name: str) -> bool:
        """Whether an address gets mail, as far as we are asked."""
        local, _at, domain = name.rpartition("@")
        if domain not in self.domains or local in ROLE_NAMES:
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
                yield f"{where}.catch_all", "has no effect, as a parked domain takes no mail"
            elif target.rpartition("@")[2] == domain and not self._is_listed(target):
                yield f"{where}.catch_all", f"is {target}, itself one of the rest; name an account"
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
                yield here, f"is {name}, which must always be answered (RFC 2142); leave it out"
            elif name in self.users or name in self.forwards:
                yield here, f"is {name}, an account or alias; remove that instead"

    def _is_listed(self, name: str) -> bool:
        return name in self.users or name in self.said

    def _role_names(self) -> Iterator[Problem]:
        """Yield what must always be answered (RFC 2142) and would not be."""
        if isinstance(self.postmaster, str) and self.postmaster in self.users:
            yield from self._answers("mail_postmaster", "is", self.postmaster)
        for domain in self.domains:
            for name in ROLE_NAMES:
                role = f"{name}@{domain}"
                if role in self.users:
                    yield from self._answers(member("mail_users", role), "is", role)
                elif role in self.said and role not in self.lists:
                    owner = self.forwards[role][0]
                    yield from self._answers(self.said[role], f"is {role} of", owner)

    def _answers(self, where: str, of: str, user: str) -> Iterator[Problem]:
        account = self.users[user]
        state = account.get("state", "active")
        must = "but postmaster, abuse and hostmaster must always be answered (RFC 2142)"
        if state in ("send_only", "closed"):
            yield where, f"{of} {user}, whose state {state} takes no mail, {must}; name another"
        elif "expires" in account:
            yield where, f"{of} {user}, which expires, {must}; name another"


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
