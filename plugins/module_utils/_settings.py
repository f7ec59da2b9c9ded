# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the mail_* settings, all of it at once.

This module util is PRIVATE to the collection.

A check is a function of where a value stands and the value. It yields problems: pairs of where and
a predicate that says what is wrong and what would be right. None shows a password, a hash or a
TSIG secret.
"""

from __future__ import annotations

import base64
import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    address,
    domain_name,
    labels,
    selector,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._passwd import (
    hash_fault,
    password_fault,
)

Problem = tuple[str, str]
Check = Callable[[str, Any], Iterator[Problem]]

_REPORT_URI = re.compile(r"mailto:[^\s@;,!]+@([^\s@;,!]+)(![0-9]+[kmgt]?)?")
_REMOVED_DMARC_TAGS = ("pct", "rf", "ri")


class Unresolved:
    """Stands for a value that could not be evaluated, and says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def member(where: str, key: object) -> str:
    """Return how Jinja writes a member of a setting: mail_users['alice@example.org'].password."""
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}" if where else key
    return f"{where}[{key!r}]"


# Checks of single values, or functions that make one.


def _with(parse: Callable[[str], object]) -> Check:
    """Make a check of a function that raises NamesError."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield where, "must be a string; put it in quotes"
            return
        try:
            parse(value)
        except NamesError as error:
            yield where, str(error)

    return check


def _one_of(*allowed: object) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if isinstance(value, bool) or value not in allowed:
            yield where, f"must be one of {', '.join(map(str, allowed))}, not {value!r}"

    return check


def _integer(low: int, high: int) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            yield where, f"must be a whole number from {low} to {high}, not {value!r}"

    return check


def _list_of(element: Check) -> Check:
    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield where, "must be a list"
            return
        for number, item in enumerate(value):
            yield from element(member(where, number), item)
            if item in value[:number]:
                yield member(where, number), f"repeats {item!r}; keep one"

    return check


def _some_of(element: Check) -> Check:
    """Like _list_of, but not empty."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if value == []:
            yield where, "is empty; leave the setting out to have its default"
        yield from _list_of(element)(where, value)

    return check


def _report_uri(where: str, value: Any) -> Iterator[Problem]:
    match = isinstance(value, str) and _REPORT_URI.fullmatch(value)
    if not match:
        yield where, f"must be as in mailto:postmaster@example.org, not {value!r}"
        return
    yield from _with(domain_name)(where, match.group(1))


def _password(where: str, value: Any) -> Iterator[Problem]:
    fault = password_fault(value)
    if fault:
        yield where, fault


def _password_hash(where: str, value: Any) -> Iterator[Problem]:
    fault = hash_fault(value)
    if fault:
        yield where, fault


def _path(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        yield where, "must be the path of a directory on the controller"


def _base64(where: str, value: Any) -> Iterator[Problem]:
    try:
        valid = bool(base64.b64decode(value, validate=True))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        yield where, "is not base64; take the secret as tsig-keygen printed it"


def _server(where: str, value: Any) -> Iterator[Problem]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if isinstance(value, str) and re.fullmatch(r"\[.*\]:\d+|[^:]*:\d+", value):
            yield where, "has a port in it; write that to mail_dns.port"
        else:
            yield from _with(domain_name)(where, value)


# Checks of dictionaries.


def _did_you_mean(key: object, known: Iterable[str]) -> str:
    # All names begin with mail_, which alone makes any two of them alike to 0.6.
    close = difflib.get_close_matches(str(key), known, 1, cutoff=0.65)
    return f"did you mean {close[0]}?" if close else f"possible are {', '.join(known)}"


def _fields(checks: Mapping[str, Check], hints: Mapping[str, str] | None = None) -> Check:
    """Make a check of a dictionary with these keys. A hint says why some other key is not there."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            keys = ", ".join(checks)
            yield where, f"must be a dictionary with some of the keys {keys} ({{}} for none)"
            return
        for key, item in value.items():
            if key in checks:
                yield from checks[key](member(where, key), item)
            else:
                hint = (hints or {}).get(key) or f"is unknown; {_did_you_mean(key, checks)}"
                yield member(where, key), hint

    return check


def _keyed_by(what: str, parse: Callable[[str], str], item_check: Check) -> Check:
    """Make a check of a dictionary keyed by names, which parse brings into their normal form."""

    def check(where: str, value: Any) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield where, f"must be a dictionary keyed by {what}"
            return
        seen: dict[str, str] = {}
        for key, item in value.items():
            here = member(where, key)
            try:
                name = parse(key) if isinstance(key, str) else ""
            except NamesError as error:
                yield here, str(error)
            else:
                if not name:
                    yield here, f"has a key that is no string; put the {what} in quotes"
                elif name in seen:
                    yield here, f"is the same {what} as {seen[name]!r}; keep one"
                seen.setdefault(name, str(key))
            yield from item_check(here, item)

    return check


_ACCOUNT_FIELDS = _fields({"password": _password, "password_hash": _password_hash})


def _account(where: str, value: Any) -> Iterator[Problem]:
    problems = list(_ACCOUNT_FIELDS(where, value))
    yield from problems
    if isinstance(value, Mapping) and not any(
        text.startswith("is unknown") for _, text in problems
    ):
        if not value:
            yield where, "has neither password nor password_hash; give it one of them"
        elif len(value) > 1:
            yield where, "has both password and password_hash; keep one of them"


_SELECTOR_FIELDS = _fields({"type": _one_of("rsa", "ed25519")})


def _selector(where: str, value: Any) -> Iterator[Problem]:
    yield from _SELECTOR_FIELDS(where, value)
    if isinstance(value, Mapping) and "type" not in value:
        yield member(where, "type"), "is missing; write rsa or ed25519"


_SELECTORS = _keyed_by("selector", selector, _selector)


def _selectors(where: str, value: Any) -> Iterator[Problem]:
    yield from _SELECTORS(where, value)
    if isinstance(value, Mapping) and all(
        isinstance(item, Mapping) and item.get("type") == "ed25519" for item in value.values()
    ):
        yield where, "has no key of type rsa; many receivers cannot verify Ed25519, so add one"


_DNS_FIELDS = _fields(
    {
        "provider": _one_of("zonefile", "rfc2136"),
        "path": _path,
        "server": _server,
        "port": _integer(1, 65535),
        "tsig_name": _with(lambda name: labels(name.rstrip("."), underscore=True)),
        "tsig_secret": _base64,
        "tsig_algorithm": _one_of("hmac-sha256", "hmac-sha384", "hmac-sha512"),
        "ttl": _integer(1, 2**31 - 1),  # RFC 2181 section 8
    }
)


def _dns(where: str, value: Any) -> Iterator[Problem]:
    yield from _DNS_FIELDS(where, value)
    if isinstance(value, Mapping) and value.get("provider") == "rfc2136":
        for key in ("server", "tsig_name", "tsig_secret"):
            if key not in value:
                yield member(where, key), "is missing; provider rfc2136 needs it"


_POLICY = _one_of("none", "quarantine", "reject")
_ALIGNMENT = _one_of("r", "s")
_DOMAIN = _fields(
    {
        "spf": _fields(
            {
                "all": _one_of("-all", "~all"),
                "include": _list_of(_with(lambda name: domain_name(name, underscore=True))),
            }
        ),
        "dmarc": _fields(
            {
                "p": _POLICY,
                "sp": _POLICY,
                "np": _POLICY,
                "adkim": _ALIGNMENT,
                "aspf": _ALIGNMENT,
                "rua": _list_of(_report_uri),
            },
            dict.fromkeys(
                _REMOVED_DMARC_TAGS, "is no longer part of DMARC (RFC 9989); leave it out"
            ),
        ),
    }
)

CHECKS: dict[str, Check] = {
    "mail_hostname": _with(domain_name),
    "mail_domains": _keyed_by("domain", domain_name, _DOMAIN),
    "mail_users": _keyed_by("address", address, _account),
    "mail_postmaster": _with(lambda text: text and address(text)),
    "mail_tls_algorithms": _some_of(_one_of("ecdsa", "rsa")),
    "mail_tlsa_matching_types": _some_of(_one_of(1, 2)),
    "mail_tlsa_ports": _some_of(_integer(1, 65535)),
    "mail_dkim_selectors": _selectors,
    "mail_dns": _dns,
}


# Checks across settings.


def _normal(parse: Callable[[str], str], names: object) -> dict[str, object]:
    """Return the names of a dictionary that are well-formed: normal form to how it was written."""
    found: dict[str, object] = {}
    for name in names if isinstance(names, Mapping) else ():
        try:
            found[parse(name)] = name
        except (NamesError, AttributeError):
            continue
    return found


def _missing(settings: Mapping[str, Any]) -> Iterator[Problem]:
    if "mail_hostname" not in settings:
        yield "mail_hostname", "is missing; write the server's name, as in mx.example.org"
    if settings.get("mail_domains", {}) == {}:
        yield "mail_domains", "is missing or empty; write a domain as a key, as in example.org: {}"
    if settings.get("mail_users", {}) == {}:
        yield "mail_users", "is empty; the server needs one account at least, for the postmaster"


def _across(settings: Mapping[str, Any]) -> Iterator[Problem]:
    domains = _normal(domain_name, settings.get("mail_domains"))
    users = _normal(address, settings.get("mail_users"))
    for user, written in users.items():
        domain = user.rpartition("@")[2]
        if domains and domain not in domains:
            close = difflib.get_close_matches(domain, domains, 1)
            remedy = f"did you mean {close[0]}?" if close else "add it there"
            yield (
                member("mail_users", written),
                f"is in {domain}, not one of mail_domains; {remedy}",
            )
    postmaster = settings.get("mail_postmaster")
    if users and isinstance(postmaster, str):
        known = _normal(address, {postmaster: None}).keys() & users.keys()
        if not known:
            advice = _did_you_mean(postmaster.lower(), users)
            yield "mail_postmaster", f"is {postmaster!r}, not one of mail_users; {advice}"


def _unresolved(where: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, Unresolved):
        yield where, value.reason
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unresolved(member(where, key), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unresolved(member(where, number), item)


def check(settings: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with the settings, a sentence each; nothing when all is well.

    Args:
        settings: the mail_* variables by name. A missing one has its default. Values, also nested
            ones, may be Unresolved.
    """
    unresolved = dict(_unresolved("", settings))
    problems = [*_missing(settings), *_fields(CHECKS)("", settings), *_across(settings)]
    found = {problem for problem in problems if problem[0] not in unresolved}
    return [f"{where}: {text}" for where, text in sorted({*unresolved.items(), *found})]
