# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of smarthosts, TLS policies and relaying.

This module util is PRIVATE to the collection. No problem shows a password.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.addresses import ROLE_NAMES
from ansible_collections.pillarbox.mail.plugins.module_utils._accounts.routes import (
    ALL_OTHERS,
    next_hop,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    domain_name,
    forward_address,
    network,
    normal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import (
    smarthost_includes,
    spf_lookups,
    spf_record,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Named,
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    did_you_mean,
    list_of,
    member,
    parsed_by,
    some_of,
)

LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "verify", "secure")
_AUTHENTICATED = ("dane-only", "verify", "secure")
_MATCHING = ("verify", "secure")
_SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
# A line of a table, "name:password", which Postfix strips.
_USERNAME = re.compile(r"[!-9;-~]+")
_PASSWORD = re.compile(r"(?! )[ -~]+(?<! )")
# The shortest prefixes of private networks: 10.0.0.0/8 and fc00::/7.
_WIDEST = {4: 8, 6: 7}
_SERVER = re.compile(r"\[(.+)\](?::(\d+))?")


def _username(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _USERNAME.fullmatch(value):
        yield where, "must be ASCII without spaces and colons; put a number in quotes"


def _password(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _PASSWORD.fullmatch(value):
        yield (
            where,
            "must be a string of ASCII characters that neither begins nor ends with a space",
        )


def _sender(text: str) -> str:
    if text == ALL_OTHERS:
        return text
    return forward_address(text) if "@" in text else domain_name(text)


def _smarthost(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    for key, other in (("username", "password"), ("password", "username")):
        if key in value and other not in value:
            yield member(where, other), f"is missing; {key} has no effect without it"


def _destination(text: str) -> str:
    server = _SERVER.fullmatch(text)
    if not server:
        return f".{domain_name(text[1:])}" if text.startswith(".") else domain_name(text)
    name, port = server.groups()
    if port and not 1 <= int(port) <= 65535:
        raise NamesError(f"{text} has an invalid port; set one from 1 to 65535")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return text.replace(name, domain_name(name))
    return text


def _policy(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    level = value.get("level")
    if "match" in value and level in LEVELS and level not in _MATCHING:
        yield (
            member(where, "match"),
            f"has no effect with {level}, which verifies no name; use verify or secure",
        )


def _relay_domain(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if "port" in value and "host" not in value:
        yield member(where, "port"), "has no effect without host; set the name of the server"


def _relay_network(text: str) -> str:
    found = ipaddress.ip_network(network(text))
    if found.prefixlen < _WIDEST[found.version]:
        raise NamesError(
            f"{text} covers much of the Internet, for which this host would be an open relay;"
            " list your own hosts or networks"
        )
    return text


ROUTE_RULES: dict[str, Rule] = {
    "mail_smarthosts": Named(
        "sender",
        normal(_sender),
        _smarthost,
        required={"host": "set the name of the server, such as smtp.example.net"},
    ),
    "mail_smarthosts.host": parsed_by(normal(domain_name)),
    "mail_smarthosts.port": Range(1, 65535),
    "mail_smarthosts.username": _username,
    "mail_smarthosts.password": _password,
    "mail_smarthosts.spf_include": parsed_by(lambda name: domain_name(name, underscore=True)),
    "mail_tls_policy": Named("destination", normal(_destination), _policy, short="level"),
    "mail_tls_policy.match": some_of(parsed_by(lambda name: domain_name(name.removeprefix(".")))),
    "mail_relay_domains": Named("domain", normal(domain_name), _relay_domain),
    "mail_relay_domains.host": parsed_by(normal(domain_name)),
    "mail_relay_domains.port": Range(1, 65535),
    "mail_relay_domains.recipients": some_of(parsed_by(normal(forward_address))),
    "mail_relay_networks": list_of(parsed_by(_relay_network)),
}


# Checks across settings.


def route_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is inconsistent between routes, domains, users and TLS policies."""
    smarthosts = _well_formed(settings.get("mail_smarthosts"))
    domains = _well_formed(settings.get("mail_domains"))
    policies = settings.get("mail_tls_policy")
    known = _written_as(settings) if smarthosts else set()
    for sender, smarthost in smarthosts.items():
        if sender not in (ALL_OTHERS, settings.get("mail_hostname")):
            yield from _unused(sender, domains, known)
        if isinstance(policies, Mapping) and "password" in smarthost and "host" in smarthost:
            yield from _exposed(next_hop(smarthost), policies)
    yield from _spf(domains, smarthosts)
    for domain, options in _well_formed(settings.get("mail_relay_domains")).items():
        yield from _relayed(domain, options, settings)


def _relayed(
    domain: str, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield what conflicts with a domain's mailboxes being on another server."""
    where = member("mail_relay_domains", domain)
    hostname = settings.get("mail_hostname")
    if domain == hostname:
        yield where, "is mail_hostname, whose mailboxes are on this server; remove it"
    elif settings.get("mail_users") and domain in _well_formed(settings.get("mail_domains")):
        yield (
            where,
            "is one of mail_domains, whose mailboxes are on this server; remove one of them",
        )
    if options.get("host") == hostname:
        yield member(where, "host"), "is mail_hostname itself; set the server with the mailboxes"
    recipients = options.get("recipients")
    for number, name in enumerate(recipients if isinstance(recipients, list) else ()):
        _local, at, other = str(name).rpartition("@")
        if at and other != domain:
            yield member(f"{where}.recipients", number), f"is in {other}; list it there"


def _well_formed(value: object) -> dict[str, Mapping[str, Any]]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: item for key, item in items if isinstance(item, Mapping) and isinstance(key, str)}


def _written_as(settings: Mapping[str, Any]) -> set[str]:
    """Return the addresses that mail may have as its sender; @domain stands for any in it."""
    aliases = settings.get("mail_aliases")
    found = set(aliases) if isinstance(aliases, Mapping) else set()
    for address, account in _well_formed(settings.get("mail_users")).items():
        found.add(address)
        for key in ("aliases", "senders"):
            names = account.get(key)
            found.update(str(name) for name in (names if isinstance(names, list) else ()))
    return found


def _unused(
    sender: str, domains: Mapping[str, Mapping[str, Any]], known: set[str]
) -> Iterator[Problem]:
    """Yield why no mail can have this sender."""
    where = member("mail_smarthosts", sender)
    sender = sender.lower()
    local, _at, domain = sender.rpartition("@")
    options = domains.get(domain, {})
    rest = f"@{domain}" in known or "catch_all" in options
    if options.get("parked") is True:
        yield where, f"is for {domain}, which is parked and sends no mail; remove it"
    elif local and not rest and local not in ROLE_NAMES and sender not in known:
        yield where, f"is for an address that no account may send as; {did_you_mean(sender, known)}"
    elif domains and not local and domain not in domains:
        others = {name.rpartition("@")[2] for name in known}
        if domain not in others:
            yield (
                where,
                f"is for {domain}, which is neither one of mail_domains nor the domain of an"
                f" account's senders; {did_you_mean(domain, [*domains, *others])}",
            )


def _exposed(server: str, policies: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that a password would be sent to a server that is not verified."""
    policy = policies.get(server)
    level = policy.get("level") if isinstance(policy, Mapping) else policy
    if level in LEVELS and level not in _AUTHENTICATED:
        yield (
            member("mail_tls_policy", server),
            f"is {level}, which exposes the password of that smarthost to anyone in between; use"
            f" one of {', '.join(_AUTHENTICATED)}",
        )


def _spf(
    domains: Mapping[str, Mapping[str, Any]], smarthosts: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Yield SPF records that smarthosts, and nothing else, make too long."""
    for domain, options in domains.items():
        spf = options.get("spf", {})
        try:
            includes = smarthost_includes({"smarthosts": smarthosts}, domain)
            alone, all_in = spf_lookups(spf_record(spf)), spf_lookups(spf_record(spf, includes))
        except (NamesError, AttributeError, TypeError):
            continue
        if alone <= _SPF_LOOKUPS < all_in:
            yield (
                "mail_smarthosts",
                f"makes an SPF record of {domain} with {all_in} DNS lookups; receivers make"
                f" {_SPF_LOOKUPS} (RFC 7208 section 4.6.4), include fewer",
            )
