# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the accounts and of their addresses, each by itself.

This module util is PRIVATE to the collection. It shows no password and no hash.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    SERVICES,
    STATES,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.passwd import (
    hash_fault,
    password_fault,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    address,
    device,
    domain_name,
    forward_address,
    master,
    normal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    fields,
    keyed_by,
    list_of,
    member,
    one_of,
    parsed_by,
    some_of,
)

_QUOTA = re.compile(r"[1-9]\d*[KMGT]")
# What fits into one line of an SMTP reply (RFC 5321 section 4.5.3.1.5), with its codes.
_TEXT = re.compile(r"[!-~](?:[ -~]{0,398}[!-~])?")
_DELIMITERS = "+-."
OWN_ADDRESS = parsed_by(normal(address))
ANY_ADDRESS = parsed_by(normal(forward_address))


def _password(where: str, value: Any) -> Iterator[Problem]:
    fault = password_fault(value)
    if fault:
        yield where, fault


def _password_hash(where: str, value: Any) -> Iterator[Problem]:
    fault = hash_fault(value)
    if fault:
        yield where, fault


def _one_secret(where: str, value: Mapping[str, Any], needed: bool) -> Iterator[Problem]:
    given = [key for key in _SECRETS if key in value]
    if needed and not given:
        yield where, "has neither password nor password_hash; give it one of them"
    elif len(given) > 1:
        yield where, "has both password and password_hash; keep one of them"


def quota(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _QUOTA.fullmatch(value):
        yield where, f"must be a whole number with its unit K, M, G or T, as in 5G, not {value!r}"


def text(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        yield where, "must be one line of at most 400 ASCII characters, as SMTP has no others"


def delimiters(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or set(value) - set(_DELIMITERS) or len(set(value)) != len(value):
        yield where, f"must be some of the characters {_DELIMITERS}, each once, not {value!r}"


def _date(where: str, value: Any) -> Iterator[Problem]:
    # YAML makes a date of what has no quotes.
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return
    try:
        valid = isinstance(value, str) and str(datetime.date.fromisoformat(value)) == value
    except ValueError:
        valid = False
    if not valid:
        yield where, f"must be a date, as in 2027-01-31, not {value!r}"


def _sender(where: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, str) and value.startswith("@"):
        yield from parsed_by(normal(domain_name))(where, value[1:])
    else:
        yield from ANY_ADDRESS(where, value)


_SECRETS: dict[str, Check] = {"password": _password, "password_hash": _password_hash}
_SERVICES = some_of(one_of(*SERVICES))
_APP_PASSWORD_FIELDS = fields({**_SECRETS, "services": _SERVICES})


def _app_password(where: str, value: Any) -> Iterator[Problem]:
    yield from _APP_PASSWORD_FIELDS(where, value)
    if isinstance(value, Mapping):
        if "services" not in value:
            yield member(where, "services"), f"is missing; list what of {', '.join(SERVICES)}"
        yield from _one_secret(where, value, needed=True)


_ACCOUNT_CHECKS: dict[str, Check] = {
    **_SECRETS,
    "aliases": list_of(OWN_ADDRESS),
    "senders": list_of(_sender),
    "quota": quota,
    "services": _SERVICES,
    "state": one_of(*STATES),
    "suspended_text": text,
    "moved_to": ANY_ADDRESS,
    "expires": _date,
    "app_passwords": keyed_by("device", normal(device), _app_password),
}
_ACCOUNT_FIELDS = fields(_ACCOUNT_CHECKS)


def account(where: str, value: Any) -> Iterator[Problem]:
    yield from _ACCOUNT_FIELDS(where, value)
    # Of a misspelt key no more is said than that.
    if not isinstance(value, Mapping) or value.keys() - _ACCOUNT_CHECKS.keys():
        return
    state = value.get("state", "active")
    yield from _one_secret(where, value, needed=state not in ("no_login", "closed"))
    if state == "closed" and "moved_to" not in value:
        yield (
            member(where, "moved_to"),
            "is missing; write the address that senders are told, or remove the account, whose mail"
            " is kept",
        )
    for key, states in (("moved_to", ("closed",)), ("suspended_text", ("suspended",))):
        with_date = key == "moved_to" and "expires" in value
        if key in value and state not in states and not with_date:
            yield member(where, key), f"has no effect in the state {state}; leave it out"
    if state == "closed" and "expires" in value:
        yield member(where, "expires"), "has no effect in the state closed; leave it out"
    yield from _services(where, value, state)


def _services(where: str, account: Mapping[str, Any], state: object) -> Iterator[Problem]:
    services = account.get("services")
    if not isinstance(services, list):
        return
    if state in ("no_login", "send_only", "closed"):
        what = f"has no effect in the state {state}, which says what it may do; leave it out"
        yield member(where, "services"), what
        return
    for place, app in _apps(where, account):
        wanted = app.get("services")
        for number, service in enumerate(wanted if isinstance(wanted, list) else ()):
            if service in SERVICES and service not in services:
                what = f"is {service}, which the account's own services do not have"
                yield member(member(place, "services"), number), f"{what}; add it there"


def _apps(where: str, account: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield where the settings of each app password stand, and these."""
    apps = account.get("app_passwords")
    for device_name, app in apps.items() if isinstance(apps, Mapping) else ():
        if isinstance(app, Mapping):
            yield member(member(where, "app_passwords"), device_name), app


def without_verifier(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Tell of hashes where SCRAM needs the passwords themselves.

    A program that knows SCRAM does not go back to PLAIN when it fails; so everybody needs a
    verifier, or would be locked out by some programs.
    """
    users = settings.get("mail_users")
    if settings.get("mail_scram") is not True or not isinstance(users, Mapping):
        return
    for name, entry in users.items():
        if not isinstance(entry, Mapping) or entry.get("state") in ("no_login", "closed"):
            continue
        where = member("mail_users", name)
        for place, secret in ((where, entry), *_apps(where, entry)):
            if "password_hash" in secret:
                yield (
                    member(place, "password_hash"),
                    "is of no use to SCRAM; write the password itself, or set mail_scram to false",
                )


def _master(where: str, value: Any) -> Iterator[Problem]:
    yield from _MASTER_FIELDS(where, value)
    if isinstance(value, Mapping):
        yield from _one_secret(where, value, needed=True)


_MASTER_FIELDS = fields(_SECRETS)
MASTERS = keyed_by("name", normal(master), _master)
ALIASES = keyed_by("address", normal(address), some_of(ANY_ADDRESS))
