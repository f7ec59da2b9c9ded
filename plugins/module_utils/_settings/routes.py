# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the ways by which mail leaves. No problem shows a password.

This module util is PRIVATE to the collection.
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
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    boolean,
    did_you_mean,
    fields,
    integer,
    keyed_by,
    list_of,
    member,
    one_of,
    parsed_by,
    some_of,
)

LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "verify", "secure")
_AUTHENTICATED = ("dane-only", "verify", "secure")
_MATCHING = ("verify", "secure")
_SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
# A line of a table, "name:password"; Postfix cuts blanks off its ends.
_USERNAME = re.compile(r"[!-9;-~]+")
_PASSWORD = re.compile(r"(?! )[ -~]+(?<! )")
# The shortest prefixes of private networks: 10.0.0.0/8 and fc00::/7.
_WIDEST = {4: 8, 6: 7}
_SERVER = re.compile(r"\[(.+)\](?::(\d+))?")


def _username(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _USERNAME.fullmatch(value):
        yield where, "must be ASCII without blanks and colons, in quotes if it is a number"


def _password(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not _PASSWORD.fullmatch(value):
        yield (
            where,
            "must be a string of ASCII characters that neither begins nor ends with a blank",
        )


def _sender(text: str) -> str:
    if text == ALL_OTHERS:
        return text
    return forward_address(text) if "@" in text else domain_name(text)


_SMARTHOST_CHECKS: dict[str, Check] = {
    "host": parsed_by(normal(domain_name)),
    "port": integer(1, 65535),
    "username": _username,
    "password": _password,
    "spf_include": parsed_by(lambda name: domain_name(name, underscore=True)),
}
_SMARTHOST_FIELDS = fields(_SMARTHOST_CHECKS)


def _smarthost(where: str, value: Any) -> Iterator[Problem]:
    yield from _SMARTHOST_FIELDS(where, value)
    # Of a misspelt key no more is said than that.
    if not isinstance(value, Mapping) or value.keys() - _SMARTHOST_CHECKS.keys():
        return
    if "host" not in value:
        yield member(where, "host"), "is missing; write the server's name, as in smtp.example.net"
    for key, other in (("username", "password"), ("password", "username")):
        if key in value and other not in value:
            yield member(where, other), f"is missing; {key} has no effect without it"


def _destination(text: str) -> str:
    server = _SERVER.fullmatch(text)
    if not server:
        return f".{domain_name(text[1:])}" if text.startswith(".") else domain_name(text)
    name, port = server.groups()
    if port and not 1 <= int(port) <= 65535:
        raise NamesError(f"{text} has no possible port; write one from 1 to 65535")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return text.replace(name, domain_name(name))
    return text


_POLICY_FIELDS = fields(
    {
        "level": one_of(*LEVELS),
        "match": some_of(parsed_by(lambda name: domain_name(name.removeprefix(".")))),
    }
)


def _policy(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield from one_of(*LEVELS)(where, value)
        return
    yield from _POLICY_FIELDS(where, value)
    if value.keys() - {"level", "match"}:
        return
    if "level" not in value:
        yield member(where, "level"), f"is missing; write one of {', '.join(LEVELS)}"
    elif "match" in value and value["level"] in LEVELS and value["level"] not in _MATCHING:
        yield (
            member(where, "match"),
            f"has no effect with {value['level']}, which looks at no name; take verify or secure",
        )


_RELAY_FIELDS = fields(
    {
        "host": parsed_by(normal(domain_name)),
        "port": integer(1, 65535),
        "recipients": some_of(parsed_by(normal(forward_address))),
    }
)


def _relay_domain(where: str, value: Any) -> Iterator[Problem]:
    yield from _RELAY_FIELDS(where, value)
    if isinstance(value, Mapping) and "port" in value and "host" not in value:
        yield member(where, "port"), "has no effect without host; write the server's name"


def _relay_network(text: str) -> str:
    found = ipaddress.ip_network(network(text))
    if found.prefixlen < _WIDEST[found.version]:
        raise NamesError(
            f"{text} is a good part of the Internet, for which this host would be an open relay;"
            " write your own hosts or networks"
        )
    return text


ROUTE_CHECKS: dict[str, Check] = {
    "mail_srs": boolean,
    "mail_smarthosts": keyed_by("sender", normal(_sender), _smarthost),
    "mail_tls_policy": keyed_by("destination", normal(_destination), _policy),
    "mail_relay_domains": keyed_by("domain", normal(domain_name), _relay_domain),
    "mail_relay_networks": list_of(parsed_by(_relay_network)),
}


# Checks across settings.


def route_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with routes together with the domains, users and TLS policies."""
    smarthosts = _well_formed(settings.get("mail_smarthosts"))
    domains = _well_formed(settings.get("mail_domains"))
    policies = settings.get("mail_tls_policy")
    known = _written_as(settings) if smarthosts else set()
    for sender, smarthost in smarthosts.items():
        if sender not in (ALL_OTHERS, settings.get("mail_hostname")):
            yield from _nobodys(sender, domains, known)
        if isinstance(policies, Mapping) and "password" in smarthost and "host" in smarthost:
            yield from _exposed(next_hop(smarthost), policies)
    yield from _spf(domains, smarthosts)
    for domain, options in _well_formed(settings.get("mail_relay_domains")).items():
        yield from _relayed(domain, options, settings)


def _relayed(
    domain: str, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield what contradicts that a domain's mailboxes are on another server."""
    where = member("mail_relay_domains", domain)
    hostname = settings.get("mail_hostname")
    if domain == hostname:
        yield where, "is mail_hostname, whose mail is this server's own; leave it out"
    elif settings.get("mail_users") and domain in _well_formed(settings.get("mail_domains")):
        yield where, "is one of mail_domains, whose mailboxes are here; keep one of them"
    if options.get("host") == hostname:
        yield member(where, "host"), "is mail_hostname itself; write the server with the mailboxes"
    recipients = options.get("recipients")
    for number, name in enumerate(recipients if isinstance(recipients, list) else ()):
        _local, at, other = str(name).rpartition("@")
        if at and other != domain:
            yield member(f"{where}.recipients", number), f"is in {other}; list it there"


def _well_formed(value: object) -> dict[str, Mapping[str, Any]]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {key: item for key, item in items if isinstance(item, Mapping) and isinstance(key, str)}


def _written_as(settings: Mapping[str, Any]) -> set[str]:
    """Return the addresses that mail may have for its sender; @domain is any in it."""
    aliases = settings.get("mail_aliases")
    found = set(aliases) if isinstance(aliases, Mapping) else set()
    for address, account in _well_formed(settings.get("mail_users")).items():
        found.add(address)
        for key in ("aliases", "senders"):
            names = account.get(key)
            found.update(str(name) for name in (names if isinstance(names, list) else ()))
    return found


def _nobodys(
    sender: str, domains: Mapping[str, Mapping[str, Any]], known: set[str]
) -> Iterator[Problem]:
    """Yield why no mail has this sender."""
    where = member("mail_smarthosts", sender)
    sender = sender.lower()
    local, _at, domain = sender.rpartition("@")
    options = domains.get(domain, {})
    rest = f"@{domain}" in known or "catch_all" in options
    if options.get("parked") is True:
        yield where, f"is for {domain}, which is parked and sends no mail; leave it out"
    elif local and not rest and local not in ROLE_NAMES and sender not in known:
        yield where, f"is for a sender that nobody may write as; {did_you_mean(sender, known)}"
    elif domains and not local and domain not in domains:
        others = {name.rpartition("@")[2] for name in known}
        if domain not in others:
            yield (
                where,
                f"is for {domain}, which is neither one of mail_domains nor in senders of an"
                f" account; {did_you_mean(domain, [*domains, *others])}",
            )


def _exposed(server: str, policies: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that a password would go to whoever answers in the smarthost's place."""
    policy = policies.get(server)
    level = policy.get("level") if isinstance(policy, Mapping) else policy
    if level in LEVELS and level not in _AUTHENTICATED:
        yield (
            member("mail_tls_policy", server),
            f"is {level}, with which anybody in between gets the password of that smarthost; write"
            f" one of {', '.join(_AUTHENTICATED)}",
        )


def _spf(
    domains: Mapping[str, Mapping[str, Any]], smarthosts: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Yield that smarthosts make an SPF record too long that was not by itself."""
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
                f"makes the SPF record of {domain} one with {all_in} DNS lookups; receivers do"
                f" {_SPF_LOOKUPS} in all (RFC 7208 section 4.6.4), so include fewer",
            )
