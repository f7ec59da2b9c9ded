# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the settings of role rspamd.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.passwd import password_fault
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    address,
    domain_name,
    forward_address,
    network,
    normal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    did_you_mean,
    empty_or,
    integer,
    keyed_by,
    member,
    one_of,
    well_formed,
)


def _score(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= 1000:
        yield where, f"must be a number above 0, up to 1000, not {value!r}"


def _max_age(where: str, value: Any) -> Iterator[Problem]:
    # With less, keys would be replaced before the records of the former ones are removed.
    if value != 0 or isinstance(value, bool):
        yield from integer(30, 3650)(where, value)


def _sender(text: str) -> str:
    """Return an address or domain in lower case, as they are looked up, or a network."""
    if "@" in text:
        name, _at, domain = forward_address(text).rpartition("@")
        return f"{name.lower()}@{domain}"
    # Text of digits and dots, or with a colon or slash, is meant to be a network.
    if re.search(r"[:/]", text) or re.fullmatch(r"[\d.]+", text):
        return network(text)
    return domain_name(text)


def _account_or_domain(text: str) -> str:
    return address(text) if "@" in text else domain_name(text)


# Redis counts further, but nobody needs that.
_MOST = 10**9
_LIMIT = Range(0, _MOST)


def web_password(where: str, value: Any) -> Iterator[Problem]:
    # Nobody delays guesses where fail2ban is off. Rspamd's hash takes 64 bytes.
    fault = password_fault(value)
    if fault:
        yield where, fault
    elif not 12 <= len(value.encode()) <= 64:
        yield where, "must have 12 to 64 characters"


RSPAMD_RULES: dict[str, Rule] = {
    "rspamd_reject_score": _score,
    "rspamd_junk_score": _score,
    "rspamd_greylist_score": _score,
    "rspamd_greylist_delay": Range(1, 86399),
    "rspamd_senders": keyed_by(
        "address, domain or network", normal(_sender), one_of("permit", "reject")
    ),
    "rspamd_account_limit": _LIMIT,
    "rspamd_domain_limit": _LIMIT,
    "rspamd_limits": keyed_by("account or domain", normal(_account_or_domain), integer(0, _MOST)),
    "rspamd_dkim_keep_days": Range(7, 3650),
    "rspamd_dkim_revoked_days": Range(1, 3650),
    "rspamd_dkim_max_age_days": _max_age,
    "rspamd_learn_after_days": Range(0, 30),
    "rspamd_web_password": empty_or(web_password),
    "rspamd_web_enable_password": empty_or(web_password),
}


# Checks across settings.


def rspamd_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _order(settings)
    yield from _unknown(settings)
    yield from _web(settings)


def _order(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield thresholds that are not below the next one, and so would never have an effect."""
    names = ["rspamd_junk_score", "rspamd_reject_score"]
    if settings.get("rspamd_greylist") is True:
        names.insert(0, "rspamd_greylist_score")
    defaults = {"rspamd_greylist_score": 4, "rspamd_junk_score": 6, "rspamd_reject_score": 15}
    for lower, higher in zip(names, names[1:], strict=False):
        low, high = (settings.get(name, defaults[name]) for name in (lower, higher))
        if not [*_score(lower, low), *_score(higher, high)] and low >= high:
            yield lower, f"is {low}, but must be less than {higher}, which is {high}"


def _unknown(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield limits of accounts and domains that do not exist."""
    for setting, parse in (("mail_users", address), ("mail_domains", domain_name)):
        ours = dict(well_formed(settings.get(setting), parse))
        for name, _limit in well_formed(settings.get("rspamd_limits"), parse):
            if ours and name not in ours:
                what = f"is not one of {setting}; {did_you_mean(name, ours)}"
                yield member("rspamd_limits", name), what


def _web(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield passwords of the web interface that would not do what they are for."""
    reading = settings.get("rspamd_web_password")
    changing = settings.get("rspamd_web_enable_password")
    if changing and not reading:
        yield (
            "rspamd_web_enable_password",
            "has no effect without rspamd_web_password, which enables the interface; set both",
        )
    if changing and changing == reading:
        yield (
            "rspamd_web_enable_password",
            "is the same as rspamd_web_password, with which one can only read; use another one",
        )
