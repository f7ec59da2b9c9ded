# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS records of each domain that depend on settings only, not on keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._records.desired import (
    DesiredRecord,
    record,
)

SPF_ALL = "-all"  # by default
MX_PREFERENCE = 10  # of this server; backups have higher numbers
# The tags of a DMARC record in order (RFC 9989 section 4.7), with their defaults; None omits the
# tag.
DMARC_TAGS = {
    "p": "reject",
    "sp": "reject",
    "np": "reject",
    "adkim": None,
    "aspf": None,
    "rua": None,
    "ruf": None,
    "fo": None,
    "t": None,
}
# Services for mail programs (RFC 6186, RFC 8314 section 5.1, RFC 5804 section 1.8): priority and
# port; None: not offered. Implicit TLS is preferred to STARTTLS, and IMAP to POP3.
SERVICES = {
    "imaps": (0, 993),
    "submissions": (0, 465),
    "submission": (10, 587),
    "imap": None,
    "pop3": None,
    "pop3s": (10, 995),
    "sieve": (0, 4190),
}
# Calendars and contacts (RFC 6764), and the path of their TXT records: that of the location in role
# web.
DAV_SERVICES = ("caldavs", "carddavs")
DAV_PATH = "/dav/"
# Services that a setting enables.
_SWITCHED = {"pop3s": "pop3", "sieve": "managesieve"}
# The terms that cost the receiver a DNS lookup (RFC 7208 section 4.6.4).
_LOOKUP = re.compile(r"[-+~?]?(?:include:|exists:|redirect=|(?:a|mx|ptr)(?:[:/]|$))", re.IGNORECASE)


def domain_records(settings: Mapping[str, Any], host: str) -> Iterator[DesiredRecord]:
    """Yield the records of every domain, and the removal of those that are disabled.

    Args:
        settings: all mail_* settings, without their prefix.
        host: the name of the server.

    Raises:
        NamesError: a name is not usable.
    """
    domains = {domain_name(name): domain or {} for name, domain in settings["domains"].items()}
    served = {name for name, domain in domains.items() if not domain.get("parked")}
    for name, domain in domains.items():
        here = name in served
        if here:
            yield from _mail(settings, host, name, domain)
        else:
            yield from _no_mail(settings, name)
        reports = report_uris(settings, name, domain) if here else []
        yield from _dmarc(name, {"rua": reports, **(domain.get("dmarc") or {})}, served)
        # Not for a domain in use: the wildcard would also answer for selectors of other signers.
        reason = f"DKIM, no key signs mail from {name}"
        revoked = ["v=DKIM1; p="]
        yield record(f"*._domainkey.{name}", "TXT", revoked, "recommended", reason, not here)
        yield from _tls_reports(name, settings["tls_rpt_rua"] or reports, here)
        yield from _clients(settings, host, name, here)


def mx_hosts(settings: Mapping[str, Any], host: str) -> list[tuple[int, str]]:
    """Return preference and host of each MX record, in order of preference."""
    backups = [(number, domain_name(name)) for name, number in settings["backup_mx"].items()]
    return sorted([(MX_PREFERENCE, host), *backups])


def spf_record(spf: Mapping[str, Any], smarthosts: Iterable[str] = ()) -> str:
    """Return an SPF record (RFC 7208) for the MX hosts and the included domains."""
    names = [domain_name(name, underscore=True) for name in (*spf.get("include", ()), *smarthosts)]
    includes = [f"include:{name}" for name in dict.fromkeys(names)]
    return " ".join(["v=spf1", "mx", *includes, spf.get("all", SPF_ALL)])


def smarthost_includes(settings: Mapping[str, Any], domain: str) -> list[str]:
    """Return the domains to include in SPF for the smarthosts that relay a domain's mail."""
    smarthosts = settings["smarthosts"]
    whole = smarthosts.get(domain, smarthosts.get("*", {}))
    some = [host for sender, host in smarthosts.items() if sender.endswith(f"@{domain}")]
    return [host["spf_include"] for host in (whole, *some) if "spf_include" in host]


def spf_lookups(text: str) -> int:
    """Count the DNS lookups of an SPF record's own terms, without those of included records."""
    return sum(bool(_LOOKUP.match(term)) for term in text.split()[1:])


def report_uris(settings: Mapping[str, Any], name: str, domain: Mapping[str, Any]) -> list[str]:
    """Return where reports about a domain go, unless settings say otherwise: to its own address.

    Without those that the filter mail_addresses has found, each domain that wants it has one.
    """
    found = settings.get("report_addresses")
    if found is None:
        wanted = settings["reports"] and domain.get("reports", True)
        found = {name: f"{settings['reports']}@{name}"} if wanted else {}
    return [f"mailto:{found[name]}"] if name in found else []


def report_domain(uri: str) -> str:
    """Return the domain of a mailto: URI for reports."""
    return domain_name(uri.rpartition("@")[2])


def _mail(
    settings: Mapping[str, Any], host: str, name: str, domain: Mapping[str, Any]
) -> Iterator[DesiredRecord]:
    mx = [f"{preference} {server}." for preference, server in mx_hosts(settings, host)]
    yield record(name, "MX", mx, "required", f"where mail for {name} goes")
    spf = spf_record(domain.get("spf") or {}, smarthost_includes(settings, name))
    reason = f"SPF, the servers that may send mail from {name}"
    yield record(name, "TXT", [spf], "required", reason)


def _no_mail(settings: Mapping[str, Any], name: str) -> Iterator[DesiredRecord]:
    """Yield the records of a parked domain, which neither receives nor sends mail."""
    # Without a null MX (RFC 7505) senders try the address records for days.
    yield record(name, "MX", ["0 ."], "required", f"null MX, {name} accepts no mail")
    yield record(name, "TXT", ["v=spf1 -all"], "required", f"SPF, no server sends for {name}")
    for selector in settings["dkim_selectors"]:
        owner, reason = f"{selector}._domainkey.{name}", f"DKIM, the key {selector} of {name}"
        yield record(owner, "TXT", (), "required", reason, wanted=False)


def _dmarc(name: str, dmarc: Mapping[str, Any], served: Set[str]) -> Iterator[DesiredRecord]:
    """Yield the policy, and permission for reports to other domains here (RFC 9990 section 4)."""
    reason = f"DMARC, what to do with mail that only claims to be from {name}"
    addresses = [*(dmarc.get("rua") or ()), *(dmarc.get("ruf") or ())]
    targets = dict.fromkeys(map(report_domain, addresses))
    external = [target for target in targets if not _related(name, target)]
    for target in external:
        if target not in served:
            owner = _authorisation(name, target)
            reason += f"; for reports to {target} its owner must publish {owner} TXT v=DMARC1"
    yield record(f"_dmarc.{name}", "TXT", [dmarc_record(dmarc)], "required", reason)
    for target in external:
        if target in served:
            reason = f"DMARC, {target} accepts the reports about {name}"
            yield record(_authorisation(name, target), "TXT", ["v=DMARC1"], "required", reason)


def _authorisation(name: str, target: str) -> str:
    return f"{name}._report._dmarc.{target}"


def _related(one: str, other: str) -> bool:
    """Whether one name equals the other or is its parent, so both belong to one organisation."""
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def _tls_reports(name: str, rua: Collection[str], served: bool) -> Iterator[DesiredRecord]:
    """Yield where reports about TLS go (RFC 8460)."""
    wanted = served and bool(rua)
    reason = f"TLS-RPT, where reports about TLS to {name} go"
    values = [f"v=TLSRPTv1; rua={_uris(rua)}"] if wanted else []
    yield record(f"_smtp._tls.{name}", "TXT", values, "optional", reason, wanted)


def _clients(
    settings: Mapping[str, Any], host: str, name: str, served: bool
) -> Iterator[DesiredRecord]:
    """Yield the records by which mail programs find the services and their settings."""
    for service, offered in SERVICES.items():
        if service in _SWITCHED and not settings[_SWITCHED[service]]:
            offered = None
        priority, port = offered or (0, 0)
        value = f"{priority} 1 {port} {host}." if offered else "0 0 0 ."
        reason = f"where mail programs find {service}" if offered else f"{service} is not offered"
        wanted = served and settings["srv_records"]
        yield record(f"_{service}._tcp.{name}", "SRV", [value], "optional", reason, wanted)
    # If they are not offered here, the domain may have them elsewhere.
    wanted = served and settings["srv_records"] and settings["dav"]
    for service in DAV_SERVICES:
        owner, reason = f"_{service}._tcp.{name}", f"where programs find {service}"
        yield record(owner, "SRV", [f"0 1 443 {host}."], "optional", reason, wanted)
        yield record(owner, "TXT", [f"path={DAV_PATH}"], "optional", reason, wanted)
    for label in ("autoconfig", "autodiscover"):
        reason = f"where mail programs get their settings for {name}"
        wanted = served and settings["web"]
        yield record(f"{label}.{name}", "CNAME", [f"{host}."], "optional", reason, wanted)


def dmarc_record(dmarc: Mapping[str, Any]) -> str:
    """Return a DMARC record (RFC 9989 section 4.7); v must come first."""
    tags = {"v": "DMARC1", **DMARC_TAGS, **dmarc}
    for tag in ("rua", "ruf"):
        tags[tag] = _uris(tags[tag] or ())
    tags["fo"] = ":".join(map(str, tags["fo"] or ()))
    return "; ".join(f"{tag}={value}" for tag, value in tags.items() if value)


def _uris(uris: Iterable[str]) -> str:
    # The separators of URIs and tags must be escaped within a URI.
    return ",".join(uri.replace(",", "%2C").replace("!", "%21").replace(";", "%3B") for uri in uris)
