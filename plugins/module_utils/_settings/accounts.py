# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of each account, alias and master user by itself.

This module util is PRIVATE to the collection. No problem shows a password or a hash.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import (
    SERVICES,
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
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Named,
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    empty_or,
    keyed_by,
    list_of,
    member,
    not_empty,
    parsed_by,
    some_of,
)

_QUOTA = re.compile(r"[1-9]\d*[KMGT]")
# One line of an SMTP reply, with its codes (RFC 5321 section 4.5.3.1.5).
_TEXT = re.compile(r"[!-~](?:[ -~]{0,398}[!-~])?")
_POSSIBLE_DELIMITERS = "+-."
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
        yield where, "has neither password nor password_hash; set one of them"
    elif len(given) > 1:
        yield where, "has both password and password_hash; remove one of them"


def _quota(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _QUOTA.fullmatch(value):
        yield where, f"must be a whole number with a unit (K, M, G or T), such as 5G, not {value!r}"


def _text(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        yield (
            where,
            "must be one line of 1 to 400 ASCII characters, as SMTP replies allow no others",
        )


def _delimiters(where: str, value: Any) -> Iterator[Problem]:
    if (
        not isinstance(value, str)
        or set(value) - set(_POSSIBLE_DELIMITERS)
        or len(set(value)) != len(value)
    ):
        yield where, f"may contain the characters {_POSSIBLE_DELIMITERS}, each once, not {value!r}"


def _date(where: str, value: Any) -> Iterator[Problem]:
    # YAML parses a date without quotes.
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return
    try:
        valid = isinstance(value, str) and str(datetime.date.fromisoformat(value)) == value
    except ValueError:
        valid = False
    if not valid:
        yield where, f"must be a date, such as 2027-01-31, not {value!r}"


def _sender(where: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, str) and value.startswith("@"):
        yield from parsed_by(normal(domain_name))(where, value[1:])
    else:
        yield from ANY_ADDRESS(where, value)


_SECRETS = ("password", "password_hash")


def _app_password(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _one_secret(where, value, needed=True)


def _account(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    state = value.get("state", "active")
    yield from _one_secret(where, value, needed=state not in ("no_login", "closed"))
    if state == "closed" and "moved_to" not in value:
        yield (
            member(where, "moved_to"),
            "is missing; set the new address, which senders are told, or remove the account, whose"
            " mail is kept",
        )
    for key, states in (("moved_to", ("closed",)), ("suspended_text", ("suspended",))):
        with_date = key == "moved_to" and "expires" in value
        if key in value and state not in states and not with_date:
            yield member(where, key), f"has no effect in state {state}; remove it"
    if state == "closed" and "expires" in value:
        yield member(where, "expires"), "has no effect in state closed; remove it"
    yield from _services(where, value, state)


def _services(where: str, account: Mapping[str, Any], state: object) -> Iterator[Problem]:
    services = account.get("services")
    if not isinstance(services, list):
        return
    if state in ("no_login", "send_only", "closed"):
        what = f"has no effect in state {state}, which decides what the account may do; remove it"
        yield member(where, "services"), what
        return
    for place, app in _apps(where, account):
        wanted = app.get("services")
        for number, service in enumerate(wanted if isinstance(wanted, list) else ()):
            if service in SERVICES and service not in services:
                what = f"is {service}, which is not one of the account's own services; add it there"
                yield member(member(place, "services"), number), what


def _apps(where: str, account: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the settings of each app password and their path."""
    apps = account.get("app_passwords")
    for device_name, app in apps.items() if isinstance(apps, Mapping) else ():
        if isinstance(app, Mapping):
            yield member(member(where, "app_passwords"), device_name), app


def without_verifier(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield hashes where SCRAM needs the passwords themselves.

    A client that supports SCRAM does not fall back to PLAIN when it fails. So every login needs a
    verifier, or would be locked out by some clients.
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
                    "does not work with SCRAM; set password instead, or set mail_scram to false",
                )


def _master(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _one_secret(where, value, needed=True)


ACCOUNT_RULES: dict[str, Rule] = {
    "mail_users": Named("address", normal(address), _account),
    "mail_users.password": _password,
    "mail_users.password_hash": _password_hash,
    "mail_users.aliases": list_of(OWN_ADDRESS),
    "mail_users.senders": list_of(_sender),
    "mail_users.quota": _quota,
    "mail_users.suspended_text": _text,
    "mail_users.moved_to": ANY_ADDRESS,
    "mail_users.services": Also(not_empty),
    "mail_users.expires": _date,
    "mail_users.app_passwords": Named("device", normal(device), _app_password),
    "mail_users.app_passwords.password": _password,
    "mail_users.app_passwords.password_hash": _password_hash,
    "mail_users.app_passwords.services": Also(not_empty),
    "mail_master_users": Named("name", normal(master), _master),
    "mail_master_users.password": _password,
    "mail_master_users.password_hash": _password_hash,
    "mail_aliases": keyed_by("address", normal(address), some_of(ANY_ADDRESS)),
    "mail_postmaster": parsed_by(lambda name: name and normal(address)(name)),
    "mail_reports": empty_or(parsed_by(lambda name: normal(address)(f"{name}@example.org"))),
    "mail_quota": empty_or(_quota),
    "mail_suspended_text": _text,
    "mail_recipient_delimiters": _delimiters,
    "mail_junk_days": Range(0, 3650),
    "mail_trash_days": Range(0, 3650),
    "mail_undelete_days": Range(0, 3650),
}
