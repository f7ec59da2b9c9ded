# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the domains and of their records.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.life import (
    ACTIVE,
    STATES,
    TYPES,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    NamesError,
    domain_name,
    normal,
    selector,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import (
    MX_PREFERENCE,
    report_domain,
    spf_lookups,
    spf_record,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.accounts import (
    ANY_ADDRESS,
    OWN_ADDRESS,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    boolean,
    fields,
    integer,
    keyed_by,
    list_of,
    member,
    one_of,
    parsed_by,
)

_SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
_MX_ADDRESSES = 10  # the same section
_MAILTO = re.compile(r"mailto:[^\s@;,!]+@([^\s@;,!]+)")
_HTTPS = re.compile(r"https://[^\s;,!]+")
_NOT_SIGNING = [state for state in STATES if state != ACTIVE]
_REMOVED_DMARC_TAGS = ("pct", "rf", "ri")
# Python's is_global would do, but for the addresses that are reserved for tests.
_LOCAL_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
        *("::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
]


def public_address(where: str, value: Any) -> Iterator[Problem]:
    try:
        address = ipaddress.ip_address(str(value))
    except ValueError:
        yield where, f"must be an IP address, as in 192.0.2.10 or 2001:db8::10, not {value!r}"
        return
    if any(address in network for network in _LOCAL_NETWORKS):
        yield where, f"is {value}, which others cannot reach; write the host's public address"


def _report_uri(where: str, value: Any) -> Iterator[Problem]:
    match = isinstance(value, str) and _MAILTO.fullmatch(value)
    if match:
        yield from parsed_by(domain_name)(where, match.group(1))
    elif isinstance(value, str) and _MAILTO.fullmatch(value.partition("!")[0]):
        yield (
            where,
            "has a size limit, no longer part of DMARC (RFC 9989); leave out ! and the rest",
        )
    else:
        yield where, f"must be as in mailto:postmaster@example.org, not {value!r}"


def tls_report_uri(where: str, value: Any) -> Iterator[Problem]:
    if not (isinstance(value, str) and _HTTPS.fullmatch(value)):
        yield from _report_uri(where, value)


_SPF_FIELDS = fields(
    {
        "all": one_of("-all", "~all"),
        "include": list_of(parsed_by(lambda name: domain_name(name, underscore=True))),
    }
)


def _spf(where: str, value: Any) -> Iterator[Problem]:
    problems = list(_SPF_FIELDS(where, value))
    yield from problems
    lookups = 0 if problems else spf_lookups(spf_record(value))
    if lookups > _SPF_LOOKUPS:
        yield (
            member(where, "include"),
            f"makes a record with {lookups} DNS lookups, those inside the included records not"
            f" counted; receivers do {_SPF_LOOKUPS} in all (RFC 7208 section 4.6.4), list fewer",
        )


_POLICY = one_of("none", "quarantine", "reject")
_ALIGNMENT = one_of("r", "s")
_DMARC_FIELDS = fields(
    {
        "p": _POLICY,
        "sp": _POLICY,
        "np": _POLICY,
        "adkim": _ALIGNMENT,
        "aspf": _ALIGNMENT,
        "rua": list_of(_report_uri),
        "ruf": list_of(_report_uri),
        "fo": list_of(one_of(0, 1, "d", "s")),
        "t": one_of("y", "n"),
    },
    dict.fromkeys(_REMOVED_DMARC_TAGS, "is no longer part of DMARC (RFC 9989); leave it out"),
)


def _dmarc(where: str, value: Any) -> Iterator[Problem]:
    yield from _DMARC_FIELDS(where, value)
    if isinstance(value, Mapping) and "fo" in value and not value.get("ruf"):
        yield member(where, "fo"), "has no effect without ruf; write where failure reports go"


_SELECTORS = keyed_by(
    "selector", normal(selector), fields({"type": one_of(*TYPES), "state": one_of(*STATES)})
)


def dkim_selectors(where: str, value: Any) -> Iterator[Problem]:
    yield from _SELECTORS(where, value)
    if not isinstance(value, Mapping):
        return
    items = {key: item for key, item in value.items() if isinstance(item, Mapping)}
    for key, item in items.items():
        if "type" not in item:
            yield member(member(where, key), "type"), "is missing; write rsa or ed25519"
    # What is not well-formed is told of already, and may have been meant so.
    if len(items) == len(value) and all(
        item.get("type") == "ed25519" or item.get("state") in _NOT_SIGNING
        for item in items.values()
    ):
        yield (
            where,
            "has no key of type rsa that signs; many receivers cannot verify Ed25519, so add one or"
            " take its state away",
        )


_DOMAIN_FIELDS = fields(
    {
        "spf": _spf,
        "dmarc": _dmarc,
        "parked": boolean,
        "dkim_selectors": dkim_selectors,
        "catch_all": ANY_ADDRESS,
        "refuse": list_of(OWN_ADDRESS),
    }
)


def domain_settings(where: str, value: Any) -> Iterator[Problem]:
    yield from _DOMAIN_FIELDS(where, value)
    for key in ("spf", "dkim_selectors") if _parked(value) else ():
        if key in value:
            yield (
                member(where, key),
                "has no effect, as a parked domain sends no mail; leave it out",
            )


_BACKUP_MX_FIELDS = keyed_by("host", normal(domain_name), integer(MX_PREFERENCE + 1, 65535))


def backup_mx(where: str, value: Any) -> Iterator[Problem]:
    yield from _BACKUP_MX_FIELDS(where, value)
    if isinstance(value, Mapping) and len(value) >= _MX_ADDRESSES:
        yield (
            where,
            f"has {len(value)} hosts; SPF allows {_MX_ADDRESSES} with this server (RFC 7208"
            " section 4.6.4), list fewer",
        )


_MTA_STS_FIELDS = fields(
    {"mode": one_of("none", "testing", "enforce"), "max_age": integer(1, 31557600)}
)


def mta_sts(where: str, value: Any) -> Iterator[Problem]:
    yield from _MTA_STS_FIELDS(where, value)
    if isinstance(value, Mapping) and value and "mode" not in value:
        yield member(where, "mode"), "is missing; write testing, enforce or none"


# Checks across settings.


def _parked(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("parked") is True


def contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what contradicts that a domain is parked, and a host that is its own backup."""
    hostname, backups = settings.get("mail_hostname"), settings.get("mail_backup_mx")
    if isinstance(hostname, str) and isinstance(backups, Mapping) and hostname in backups:
        yield member("mail_backup_mx", hostname), "is mail_hostname itself; leave it out"
    domains = settings.get("mail_domains")
    if not isinstance(domains, Mapping):
        return
    parked = {name for name, value in domains.items() if _parked(value)}
    if isinstance(hostname, str) and hostname in parked:
        yield "mail_hostname", f"is {hostname}, a parked domain; take parked from it"
    for where, uri in _reports(settings, domains):
        try:
            name = report_domain(uri)
        except (NamesError, AttributeError):
            continue
        if name in parked:
            yield where, f"is in {name}, which is parked and takes no mail; write another address"


def _reports(settings: Mapping[str, Any], domains: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield where reports go, whatever of it is well-formed, and where it is said."""
    lists = [("mail_tls_rpt_rua", settings.get("mail_tls_rpt_rua"))]
    for name, value in domains.items():
        dmarc = value.get("dmarc") if isinstance(value, Mapping) else None
        if isinstance(dmarc, Mapping):
            where = f"{member('mail_domains', name)}.dmarc"
            lists += [(member(where, tag), dmarc.get(tag)) for tag in ("rua", "ruf")]
    for where, uris in lists:
        for number, uri in enumerate(uris if isinstance(uris, list) else ()):
            yield member(where, number), uri
