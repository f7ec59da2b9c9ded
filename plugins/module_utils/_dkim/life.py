# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life cycle of DKIM keys: future, active, retired, revoked, gone. Pure; time is an argument.

This module util is PRIVATE to the collection.

A run has two steps, with the DNS records published in between. prepare() creates future keys and
advances those that no longer sign, which affects only DNS. switch() activates future keys once all
name servers serve them, and retires their predecessors. So every key that signs is published,
wherever a run is interrupted.
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

# The selectors of each domain in the settings: {domain: {selector: {"type": …, "state": …}}}.
Declared = Mapping[str, Mapping[str, Mapping[str, Any]]]


class DkimLifeError(Exception):
    """A key cannot change its state as the settings demand; one sentence with the remedy."""


@dataclass(frozen=True)
class Key:
    """A key and its state."""

    domain: str
    selector: str
    type: str
    state: str
    since: datetime  # of the state
    line: str  # the selector in the settings for which it, or its first predecessor, was created
    compromised: bool = False  # skips the state retired: it is revoked at once
    pin: str | None = None  # the state that the settings demand
    wanted: bool = True  # whether the settings still have its line

    @property
    def dns_name(self) -> str:
        return dns_name(self.selector, self.domain)


@dataclass(frozen=True)
class Policy:
    """How long keys stay in their states."""

    keep: timedelta  # retired
    revoked: timedelta
    max_age: timedelta | None = None  # active; None: until rotated by hand


def declared_selectors(
    domains: Mapping[str, Mapping[str, Any]], selectors: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """Return the selectors in the settings for each domain that sends mail.

    Args:
        domains: mail_domains; the dkim_selectors of a domain override mail_dkim_selectors.
        selectors: mail_dkim_selectors.

    Raises:
        DkimLifeError: a type or state is unknown.
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
                    f" ({' or '.join(TYPES)}), and optionally a state ({', '.join(STATES)})"
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
    """Return the keys in the states they need before their records are published.

    Args:
        keys: the current keys. Those of domains that are not declared stay unchanged.
        declared: the selectors in the settings.
        now: the current time.
        policy: how long keys stay in their states.
        rotate: domains that get new keys, unless they have future keys already.
        compromised: whether the keys of these domains were stolen.

    Raises:
        DkimLifeError: the settings demand an impossible change.
        NamesError: the name of a new key would be too long.
    """
    of_domain: dict[str, list[Key]] = {domain: [] for domain in declared}
    for key in keys:
        of_domain.setdefault(key.domain, []).append(key)
    for domain in rotate:
        if domain not in declared:
            raise DkimLifeError(
                f"the keys of {domain} cannot be rotated: it is not a domain of this server that"
                f" sends mail; those are {', '.join(declared)}"
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
    """Return the keys after the switch; Rspamd must sign with those that are active in the result.

    Args:
        keys: the result of prepare().
        served: names of the records that all name servers serve.
        now: the current time.
    """
    of_domain: dict[str, list[Key]] = {}
    for key in keys:
        of_domain.setdefault(key.domain, []).append(key)
    names = frozenset(served)
    return [key for own in of_domain.values() for key in _switched(own, names, now)]


def waiting(keys: Iterable[Key]) -> list[Key]:
    """Return the keys that become active once their records are served."""
    return [key for key in keys if key.state == FUTURE and key.pin is None and key.wanted]


def outlook(key: Key, policy: Policy) -> str:
    """Describe the state of a key, and its next state with the date."""
    text = f"{key.domain}: {key.selector} ({key.type}) is {key.state} since {key.since:%Y-%m-%d}"
    if key.pin:
        return f"{text}; set so in the settings"
    if key.state == FUTURE:
        return f"{text}; signs once every name server serves its record"
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
    """Yield the domain's keys updated from the settings, and new keys for new selectors."""
    lines = {key.selector: key.line for key in own}
    # After a rotation the operator may have replaced r1 by r2 in the settings.
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
    """Return a key in the state that is due, unless it is active: switch() handles those."""
    if key.pin == GONE and key.state not in (REVOKED, GONE):
        raise DkimLifeError(
            f"{key.selector} of {key.domain} cannot be gone, since it is {key.state} and was never"
            " revoked: set the state revoked first, or omit the state"
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
        # A future key may be published already.
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
    """Yield a new key for each line without a future one, so all algorithms rotate together."""
    lines = [line for line, item in declared.items() if "state" not in item]
    if asked and not lines:
        raise DkimLifeError(
            f"the keys of {domain} cannot be rotated: the settings fix the state of each; omit the"
            " state of those to rotate"
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
    """Return r2 for r1. No name is reused, because resolvers may still cache its old record."""
    stem = selector.rstrip("0123456789")
    number = selector[len(stem) :]
    return f"{stem}{int(number or 1) + 1:0{len(number)}d}"


def _switched(own: Sequence[Key], served: Collection[str], now: datetime) -> list[Key]:
    """Return a domain's keys after the switch, of all algorithms at once or none."""
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
    # Many receivers support RSA only: if no RSA key would sign any more, the old keys stay.
    if not any(key.type == "rsa" for name, key in signing.items() if name not in leaving):
        leaving = set()

    def after(key: Key) -> Key:
        if key.selector in rising:
            return _in_state(key, ACTIVE, now)
        if key.selector in leaving:
            return _in_state(key, key.pin or (REVOKED if key.compromised else RETIRED), now)
        return key

    return [after(key) for key in own if key.state != GONE]
