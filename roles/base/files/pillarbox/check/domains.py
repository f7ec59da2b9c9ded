# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each domain publishes about its mail: MX, SPF and DMARC."""

from __future__ import annotations

from collections.abc import Iterator

from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings, ask, tags, texts

# Seconds for all lookups of an SPF record.
PATIENCE = 15


def mail_exchangers(settings: Settings) -> Iterator[Finding]:
    """Check that the MX records lead here, by names that others accept (RFC 5321 section 5.1)."""
    return each("MX", settings.domains, lambda domain: _mx(settings, domain))


def _mx(settings: Settings, domain: str) -> Finding:
    answer = ask(domain, "MX")
    records = sorted(answer.records, key=lambda record: record.preference)
    hosts = [str(record.exchange).rstrip(".").lower() for record in records]
    wanted = settings.hostname
    if not answer.exists:
        remedy = "renew its registration, or remove it from mail_domains"
        return Finding("MX", domain, CRITICAL, "the domain does not exist", wanted, remedy)
    if wanted not in hosts:
        found = ", ".join(hosts) or "no MX record"
        return Finding("MX", domain, CRITICAL, found, wanted, settings.publish)
    for host in hosts:
        if ask(host, "CNAME").records:
            remedy = f"replace the CNAME at {host} by A and AAAA records"
            return Finding("MX", domain, CRITICAL, f"{host} is an alias", "a host", remedy)
    if hosts[0] != wanted:
        return Finding("MX", domain, NOTE, f"{hosts[0]} is preferred to {wanted}", wanted)
    return Finding("MX", domain, OK, ", ".join(hosts))


def sender_policies(settings: Settings) -> Iterator[Finding]:
    """Check that SPF passes for each address of this host, for domains and for bounces.

    A bounce has no sender, so receivers check the host's name (RFC 7208 section 2.4).
    """
    names = dict.fromkeys(settings.names)
    sending = [name for name in names if settings.sends and name not in settings.smarthosts]
    return each("SPF", sending, lambda domain: _spf(settings, domain))


def _spf(settings: Settings, domain: str) -> Finding:
    # Debian's python3-spf. Here, as it loads much, and tests of the rest need not have it.
    import spf

    sender = "" if domain == settings.hostname else f"postmaster@{domain}"
    worst = Finding("SPF", domain, OK, "passes for all addresses of this host")
    for address in settings.addresses:
        query = spf.query(
            str(address), sender, settings.hostname, timeout=PATIENCE, querytime=PATIENCE
        )
        result, _code, why = query.check()
        if result == "temperror":
            return Finding("SPF", domain, UNKNOWN, f"{address}: {why}")
        if result != "pass":
            # Some receivers count the addresses that MX hosts lack as void lookups.
            mild = result in ("none", "neutral") or "Void" in why
            found = f"{result} for {address}" + (f": {why}" if result == "permerror" else "")
            remedy = _spf_remedy(settings, result)
            worst = Finding("SPF", domain, WARNING if mild else CRITICAL, found, "pass", remedy)
    return worst


def _spf_remedy(settings: Settings, result: str) -> str:
    if result == "permerror":
        return (
            "leave one valid SPF record with at most ten lookups: shorten spf.include of the domain"
            " in mail_domains, or remove the other record, then run site.yml"
        )
    return (
        f"{settings.publish}, also those of mail_host_addresses; the host may only send from"
        " addresses that its name has in DNS"
    )


def authentication_policies(settings: Settings) -> Iterator[Finding]:
    """Check the DMARC record (RFC 9989)."""
    return each("DMARC", settings.domains, lambda domain: _dmarc(settings, domain))


def _dmarc(settings: Settings, domain: str) -> Finding:
    name = f"_dmarc.{domain}"
    records = texts(name, "v=DMARC1")
    if not records:
        return Finding("DMARC", domain, WARNING, "no record", "v=DMARC1; …", settings.publish)
    if len(records) > 1:
        remedy = f"remove all TXT records at {name} but one: with several, none counts"
        return Finding("DMARC", domain, WARNING, f"{len(records)} records", "one", remedy)
    found = tags(records[0])
    policy = found.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        wanted = "p=none, quarantine or reject"
        text = f"p={policy}" if policy else "no p"
        return Finding("DMARC", domain, WARNING, text, wanted, settings.publish)
    for there in _receivers(domain, f"{found.get('rua', '')},{found.get('ruf', '')}"):
        # RFC 9990 section 4: another domain has to agree to receive reports.
        permission = f"{domain}._report._dmarc.{there}"
        if not texts(permission, "v=DMARC1"):
            remedy = f'publish TXT "v=DMARC1" at {permission}, or change rua and ruf'
            text = f"{there} does not agree to receive reports"
            return Finding("DMARC", domain, WARNING, text, "its permission", remedy)
    if policy == "none":
        return Finding("DMARC", domain, NOTE, "p=none, so forged mail is only reported", "reject")
    return Finding("DMARC", domain, OK, records[0])


def tls_reports(settings: Settings) -> Iterator[Finding]:
    """Check the record that asks for reports about TLS, if there is one (RFC 8460 section 3)."""
    return each("TLS reports", settings.domains, _tls_reports)


def _tls_reports(domain: str) -> Finding | None:
    name = f"_smtp._tls.{domain}"
    records = texts(name, "v=TLSRPTv1")
    if not records:
        return None
    addresses = tags(records[0]).get("rua", "")
    if len(records) == 1 and addresses.lower().startswith(("mailto:", "https:")):
        return Finding("TLS reports", domain, OK, records[0])
    found = f"{len(records)} records" if len(records) > 1 else f"rua={addresses}"
    wanted = "one record, with rua=mailto:…"
    remedy = f"leave one valid TXT record at {name}: others count as none"
    return Finding("TLS reports", domain, WARNING, found, wanted, remedy)


def _receivers(domain: str, addresses: str) -> list[str]:
    """Return the domains in the addresses for reports that are neither below nor above this one."""
    found = [
        each.partition("!")[0].rpartition("@")[2].strip().lower() for each in addresses.split(",")
    ]
    return [
        there
        for there in dict.fromkeys(found)
        if there
        and not f".{there}".endswith(f".{domain}")
        and not f".{domain}".endswith(f".{there}")
    ]
