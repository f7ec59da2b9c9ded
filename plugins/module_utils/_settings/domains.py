# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the domains and of their DNS records.

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
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Named,
    Range,
    Rule,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    integer,
    keyed_by,
    list_of,
    member,
    parsed_by,
)

_SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
_MX_ADDRESSES = 10  # the same section
_MAILTO = re.compile(r"mailto:[^\s@;,!]+@([^\s@;,!]+)")
_HTTPS = re.compile(r"https://[^\s;,!]+")
_NOT_SIGNING = [state for state in STATES if state != ACTIVE]
_REMOVED_DMARC_TAGS = ("pct", "rf", "ri")
# Not by is_global of Python, which excludes the addresses reserved for tests.
_LOCAL_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
        *("::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
]


def _public_address(where: str, value: Any) -> Iterator[Problem]:
    try:
        address = ipaddress.ip_address(str(value))
    except ValueError:
        yield where, f"must be an IP address, such as 192.0.2.10 or 2001:db8::10, not {value!r}"
        return
    if any(address in network for network in _LOCAL_NETWORKS):
        yield (
            where,
            f"is {value}, which is not reachable from the Internet; set the host's public address",
        )


def _report_uri(where: str, value: Any) -> Iterator[Problem]:
    match = isinstance(value, str) and _MAILTO.fullmatch(value)
    if match:
        yield from parsed_by(domain_name)(where, match.group(1))
    elif isinstance(value, str) and _MAILTO.fullmatch(value.partition("!")[0]):
        yield (
            where,
            "has a size limit, which is no longer part of DMARC (RFC 9989); remove ! and the rest",
        )
    else:
        yield where, f"must be a URI such as mailto:postmaster@example.org, not {value!r}"


def _tls_report_uri(where: str, value: Any) -> Iterator[Problem]:
    if not (isinstance(value, str) and _HTTPS.fullmatch(value)):
        yield from _report_uri(where, value)


_INCLUDES = list_of(parsed_by(lambda name: domain_name(name, underscore=True)))


def _spf(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    includes = value.get("include", [])
    malformed = any(_INCLUDES("", includes))
    lookups = 0 if malformed else spf_lookups(spf_record({"include": includes}))
    if lookups > _SPF_LOOKUPS:
        yield (
            member(where, "include"),
            f"makes an SPF record with {lookups} DNS lookups, not counting those of the included"
            f" records; receivers make {_SPF_LOOKUPS} (RFC 7208 section 4.6.4), include fewer",
        )


def _dmarc(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if "fo" in value and not value.get("ruf"):
        yield member(where, "fo"), "has no effect without ruf; set where failure reports go"


def _dkim_selectors(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        return
    items = [item for item in value.values() if isinstance(item, Mapping)]
    # A malformed entry is reported already, and may be meant to be that key.
    if len(items) == len(value) and all(
        item.get("type") == "ed25519" or item.get("state") in _NOT_SIGNING for item in items
    ):
        yield (
            where,
            "has no active RSA key, and many receivers cannot verify Ed25519; add a key of type"
            " rsa, or remove its state",
        )


_NOT_IF_PARKED = {
    "spf": "sends",
    "dkim_selectors": "sends",
    "mta_sts": "receives",
    "reports": "receives",
    "maturity": "exchanges",
}


def _domain(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    for key, does in _NOT_IF_PARKED.items() if _parked(value) else ():
        if key in value:
            yield member(where, key), f"has no effect, as a parked domain {does} no mail; remove it"


_BACKUP_MX_FIELDS = keyed_by("host", normal(domain_name), integer(MX_PREFERENCE + 1, 65535))


def _backup_mx(where: str, value: Any) -> Iterator[Problem]:
    yield from _BACKUP_MX_FIELDS(where, value)
    if isinstance(value, Mapping) and len(value) >= _MX_ADDRESSES:
        yield (
            where,
            f"has {len(value)} hosts; SPF allows {_MX_ADDRESSES} with this server (RFC 7208"
            " section 4.6.4), list fewer",
        )


_MAX_AGE = Range(1, 31557600)  # RFC 8461 section 3.2


def _mta_sts(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    if value and "mode" not in value:
        yield member(where, "mode"), "is missing; set it to one of none, testing, enforce"


_DKIM_SELECTORS = Named(
    "selector", normal(selector), whole=_dkim_selectors, entry="mail_dkim_selectors"
)

DOMAIN_RULES: dict[str, Rule] = {
    "mail_hostname": parsed_by(normal(domain_name)),
    "mail_host_addresses": list_of(_public_address),
    "mail_domains": Named("domain", normal(domain_name), _domain),
    "mail_domains.spf": Also(_spf),
    "mail_domains.spf.include": _INCLUDES,
    "mail_domains.dmarc": Also(
        _dmarc,
        dict.fromkeys(_REMOVED_DMARC_TAGS, "is no longer part of DMARC (RFC 9989); remove it"),
    ),
    "mail_domains.dmarc.rua": list_of(_report_uri),
    "mail_domains.dmarc.ruf": list_of(_report_uri),
    "mail_domains.dkim_selectors": _DKIM_SELECTORS,
    "mail_domains.mta_sts": Also(_mta_sts),
    "mail_domains.mta_sts.max_age": _MAX_AGE,
    "mail_domains.catch_all": ANY_ADDRESS,
    "mail_domains.refuse": list_of(OWN_ADDRESS),
    "mail_backup_mx": _backup_mx,
    "mail_dkim_selectors": _DKIM_SELECTORS,
    "mail_mta_sts": Also(_mta_sts),
    "mail_mta_sts.max_age": _MAX_AGE,
    "mail_tls_rpt_rua": list_of(_tls_report_uri),
}


# Checks across settings.


def _parked(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("parked") is True


def contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield uses of parked domains, and a host that is its own backup."""
    hostname, backups = settings.get("mail_hostname"), settings.get("mail_backup_mx")
    if isinstance(hostname, str) and isinstance(backups, Mapping) and hostname in backups:
        yield member("mail_backup_mx", hostname), "is mail_hostname itself; remove it"
    domains = settings.get("mail_domains")
    if not isinstance(domains, Mapping):
        return
    if settings.get("mail_tls_source") == "self_signed":
        for where, policy in _mta_sts_policies(settings, domains):
            if isinstance(policy, Mapping) and policy.get("mode") == "enforce":
                yield (
                    member(where, "mode"),
                    "is enforce, but senders would refuse the certificates of mail_tls_source"
                    " self_signed; set testing until you have others",
                )
    yield from _unreported_maturity(settings, domains)
    parked = {name for name, value in domains.items() if _parked(value)}
    if isinstance(hostname, str) and hostname in parked:
        yield "mail_hostname", f"is {hostname}, a parked domain; remove parked from that domain"
    for where, uri in _reports(settings, domains):
        try:
            name = report_domain(uri)
        except (NamesError, AttributeError):
            continue
        if name in parked:
            yield where, f"is in {name}, which is parked and receives no mail; set another address"


def _unreported_maturity(
    settings: Mapping[str, Any], domains: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield domains whose policies would never become stricter, as nothing is known of them."""
    for name, value in domains.items():
        domain = value if isinstance(value, Mapping) else {}
        if _parked(domain) or domain.get("maturity", settings.get("mail_maturity")) is not True:
            continue
        where = member("mail_domains", name)
        setting = member(where, "maturity") if "maturity" in domain else "mail_maturity"
        if settings.get("mail_reports") == "":
            yield setting, "needs reports of other servers; set mail_reports"
        elif domain.get("reports") is False:
            yield (
                setting,
                f"needs reports of other servers about {name}; remove reports from"
                f" {where}, or set maturity to false there",
            )


def _mta_sts_policies(
    settings: Mapping[str, Any], domains: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    yield "mail_mta_sts", settings.get("mail_mta_sts")
    for name, value in domains.items():
        if isinstance(value, Mapping):
            yield member(member("mail_domains", name), "mta_sts"), value.get("mta_sts")


def _reports(settings: Mapping[str, Any], domains: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the URIs that reports are sent to and their paths, as far as they are well-formed."""
    lists = [("mail_tls_rpt_rua", settings.get("mail_tls_rpt_rua"))]
    for name, value in domains.items():
        dmarc = value.get("dmarc") if isinstance(value, Mapping) else None
        if isinstance(dmarc, Mapping):
            where = f"{member('mail_domains', name)}.dmarc"
            lists += [(member(where, tag), dmarc.get(tag)) for tag in ("rua", "ruf")]
    for where, uris in lists:
        for number, uri in enumerate(uris if isinstance(uris, list) else ()):
            yield member(where, number), uri
