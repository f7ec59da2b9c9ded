# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lives of DKIM keys: future, active, retired, revoked, gone. Pure; the clock is an argument.

This module util is PRIVATE to the collection.

A run has two steps, and the DNS records are published between them. prepare() makes future keys
and moves on those that no longer sign, which only DNS has to know of. switch() lets future keys
sign, once all name servers serve them, and stops those before them. So whatever signs is published
before and after, wherever a run ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import dns_name
from ansible_collections.pillarbox.mail.plugins.module_utils._names import selector as checked

FUTURE, ACTIVE, RETIRED, REVOKED, GONE = "future", "active", "retired", "revoked", "gone"
STATES = (FUTURE, ACTIVE, RETIRED, REVOKED, GONE)
TYPES = ("rsa", "ed25519")

# The settings' selectors of each domain: {domain: {selector: {"type": …, "state": …}}}.
Declared = Mapping[str, Mapping[str, Mapping[str, Any]]]


class DkimLifeError(Exception):
    """A life that cannot go on as the settings want it; one sentence with the remedy."""


@dataclass(frozen=True)
class Key:
    """A key and where it is in its life."""

    domain: str
    selector: str
    type: str
    state: str
    since: datetime  # of the state
    line: str  # the selector in the settings that this key, or the first before it, was made for
    compromised: bool = False  # it is not retired but revoked
    pin: str | None = None  # the state that the settings hold it in
    wanted: bool = True  # the settings have its line

    @property
    def dns_name(self) -> str:
        return dns_name(self.selector, self.domain)


@dataclass(frozen=True)
class Policy:
    """How long keys stay in their states."""

    keep: timedelta  # retired
    revoked: timedelta
    max_age: timedelta | None = None  # active; None: until somebody rotates them


def declared_selectors(
    domains: Mapping[str, Mapping[str, Any]], selectors: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """Return what the settings declare for each domain that sends mail.

    Args:
        domains: mail_domains; its dkim_selectors count instead of those of all domains.
        selectors: mail_dkim_selectors.

    Raises:
        DkimLifeError: a type or state is none.
    """
    declared = {
        name: domain.get("dkim_selectors", selectors)
        for name, domain in domains.items()
        if not domain.get("parked")
    }
    for name, items in declared.items():
        for selector, item in items.items():
            if item.get("type") not in TYPES or item.get("state", FUTURE) not in STATES:
                raise DkimLifeError(
                    f"selector {selector} of {name} is {dict(item)}: it needs a type"
                    f" ({' or '.join(TYPES)}), and may have a state ({', '.join(STATES)})"
                )
    return declared


def prepare(
    keys: Iterable[Key],
    declared: Declared,
    now: datetime,
    policy: Policy,
    rotate: Collection[str] = (),
    compromised: bool = False,
) -> list[Key]:
    """Return the keys as they shall be before their records are published.

    Args:
        keys: as they were. Those of domains that are not declared stay as they are.
        declared: the selectors in the settings.
        now: the time.
        policy: how long keys stay in their states.
        rotate: domains to get new keys. Where new ones are waiting already, these it will be.
        compromised: whether the keys of these domains were stolen.

    Raises:
        DkimLifeError: the settings want what cannot be.
        NamesError: the name of a new key would be too long.
    """
    of_domain: dict[str, list[Key]] = {domain: [] for domain in declared}
    for key in keys:
        of_domain.setdefault(key.domain, []).append(key)
    for domain in rotate:
        if domain not in declared:
            raise DkimLifeError(
                f"{domain} cannot have its keys rotated: it is no domain of this server that sends"
                f" mail; those are {', '.join(declared)}"
            )
    result: list[Key] = []
    for domain, own in of_domain.items():
        if domain in declared:
            asked = domain in rotate
            own = list(_as_declared(domain, own, declared[domain], now))
            if asked and compromised:
                own = [_stolen(key) for key in own]
            own = [_moved_on(key, now, policy) for key in own]
            if asked or _too_old(own, now, policy):
                own += _successors(domain, own, declared[domain], now, asked)
        result += own
    return result


def switch(keys: Iterable[Key], served: Collection[str], now: datetime) -> list[Key]:
    """Return the keys as they shall be once Rspamd signs with those that are active in the result.

    Args:
        keys: what prepare() returned.
        served: names of records that all name servers are known to serve.
        now: the time.
    """
    of_domain: dict[str, list[Key]] = {}
    for key in keys:
        of_domain.setdefault(key.domain, []).append(key)
    names = frozenset(served)
    return [key for own in of_domain.values() for key in _switched(own, names, now)]


def waiting(keys: Iterable[Key]) -> list[Key]:
    """Return the keys that sign as soon as their records are served."""
    return [key for key in keys if key.state == FUTURE and key.pin is None and key.wanted]


def outlook(key: Key, policy: Policy) -> str:
    """Say where a key is in its life, and what comes next and when."""
    text = f"{key.domain}: {key.selector} ({key.type}) is {key.state} since {key.since:%Y-%m-%d}"
    if key.pin:
        return f"{text}; the settings hold it"
    if key.state == FUTURE:
        return f"{text}; signs once every name server has its record"
    if key.state == ACTIVE:
        until = key.since + policy.max_age if policy.max_age else None
        return f"{text}; replaced from {until:%Y-%m-%d} on" if until else text
    if key.state == RETIRED:
        return f"{text}; revoked from {key.since + policy.keep:%Y-%m-%d} on"
    if key.state == GONE:
        return text
    return f"{text}; removed from {key.since + policy.revoked:%Y-%m-%d} on"


def _stolen(key: Key) -> Key:
    in_use = key.state in (FUTURE, ACTIVE, RETIRED) and not key.pin
    return replace(key, compromised=True) if in_use else key


def _in_state(key: Key, state: str, now: datetime) -> Key:
    return key if key.state == state else replace(key, state=state, since=now)


def _as_declared(
    domain: str, own: Sequence[Key], declared: Mapping[str, Mapping[str, Any]], now: datetime
) -> Iterator[Key]:
    """Yield the domain's keys with what the settings say of each, and those that are new."""
    lines = {key.selector: key.line for key in own}
    # Where the settings catch up with a rotation, r2 has taken the place of r1 in them.
    renamed = {
        lines[selector]: selector
        for selector in declared
        if selector in lines and lines[selector] not in declared
    }
    for key in own:
        line = key.selector if key.selector in declared else renamed.get(key.line, key.line)
        lines[key.selector] = line
        kind = declared[line]["type"] if line in declared else key.type
        if kind != key.type:
            raise DkimLifeError(
                f"the settings have selector {line} of {domain} as {kind}, but key {key.selector}"
                f" is {key.type}: a selector keeps its type, so write a new one for {kind}"
            )
        pin = declared.get(key.selector, {}).get("state")
        yield replace(key, line=line, pin=pin, wanted=line in declared)
    for selector, item in declared.items():
        pin = item.get("state")
        if selector not in lines.values() and pin != GONE:
            state = FUTURE if pin in (None, ACTIVE) else pin
            yield Key(domain, selector, item["type"], state, now, selector, pin=pin)


def _moved_on(key: Key, now: datetime, policy: Policy) -> Key:
    """Return a key that does not sign in the state that it is due for."""
    if key.pin == GONE and key.state not in (REVOKED, GONE):
        raise DkimLifeError(
            f"{key.selector} of {key.domain} cannot be gone, since it is {key.state} and was never"
            " revoked: give it the state revoked first, or leave the state out"
        )
    if key.state == ACTIVE:
        return key
    if key.pin == ACTIVE:
        return _in_state(key, FUTURE, now) if key.state in (REVOKED, GONE) else key
    if key.pin:
        return _in_state(key, key.pin, now)
    age = now - key.since
    if key.state == REVOKED and age >= policy.revoked:
        return _in_state(key, GONE, now)
    if (
        (key.state == RETIRED and (age >= policy.keep or key.compromised))
        # Its record may be published already.
        or (key.state == FUTURE and (key.compromised or not key.wanted))
    ):
        return _in_state(key, REVOKED, now)
    return key


def _too_old(own: Iterable[Key], now: datetime, policy: Policy) -> bool:
    return policy.max_age is not None and any(
        key.state == ACTIVE and key.wanted and not key.pin and now - key.since >= policy.max_age
        for key in own
    )


def _successors(
    domain: str,
    own: Sequence[Key],
    declared: Mapping[str, Mapping[str, Any]],
    now: datetime,
    asked: bool,
) -> Iterator[Key]:
    """Yield a new key for each line that has none waiting, so that all algorithms go together."""
    lines = [line for line, item in declared.items() if "state" not in item]
    if asked and not lines:
        raise DkimLifeError(
            f"{domain} cannot have its keys rotated: the settings hold each of them in a state;"
            " leave that out for those to rotate"
        )
    taken = {*declared, *(key.selector for key in own)}
    for line in lines:
        members = [key for key in own if key.line == line]
        if not any(key.state == FUTURE for key in members):
            newest = max(members, key=lambda key: (key.state == ACTIVE, key.since))
            name = _name_after(newest.selector)
            while name in taken:
                name = _name_after(name)
            yield Key(domain, checked(name), newest.type, FUTURE, now, line)


def _name_after(selector: str) -> str:
    """Return r2 for r1. No name comes twice, as resolvers may still know its old record."""
    stem = selector.rstrip("0123456789")
    number = selector[len(stem) :]
    return f"{stem}{int(number or 1) + 1:0{len(number)}d}"


def _switched(own: Sequence[Key], served: Collection[str], now: datetime) -> list[Key]:
    """Return a domain's keys after the switch, for all algorithms at once or for none."""
    new = waiting(own)
    if not all(key.dns_name in served for key in new):
        new = []
    replaced = {key.line for key in new}
    rising = {key.selector for key in own if key in new or key.pin == ACTIVE}
    signing = {key.selector: key for key in own if key.state == ACTIVE or key.selector in rising}
    leaving = {
        selector
        for selector, key in signing.items()
        if selector not in rising and (key.pin or not key.wanted or key.line in replaced)
    }
    # Many receivers know RSA only: while nothing else signs with it, what would leave stays.
    if not any(key.type == "rsa" for name, key in signing.items() if name not in leaving):
        leaving = set()

    def after(key: Key) -> Key:
        if key.selector in rising:
            return _in_state(key, ACTIVE, now)
        if key.selector in leaving:
            return _in_state(key, key.pin or (REVOKED if key.compromised else RETIRED), now)
        return key

    return [after(key) for key in own if key.state != GONE]
