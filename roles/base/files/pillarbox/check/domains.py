# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each domain publishes about its mail: MX, SPF, DMARC and MTA-STS."""

from __future__ import annotations

import fnmatch
import smtplib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator

from pillarbox import lookup
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings, ask, texts

PUBLISH = "run site.yml, which publishes it"
# Seconds for a policy, and for all lookups of an SPF record.
PATIENCE = 15
# RFC 8461 section 3.3: no policy is longer.
LONGEST = 64 * 1024


def mail_exchangers(settings: Settings) -> Iterator[Finding]:
    """Check that the MX records lead here, by names that others accept (RFC 5321 section 5.1)."""
    return _each("MX", settings.domains, lambda domain: _mx(settings, domain))


def _each(check: str, domains: Iterable[str], find: Callable[[str], Finding]) -> Iterator[Finding]:
    """Yield the finding of each domain; "unknown" if DNS does not answer."""
    for domain in domains:
        yield _asked(check, domain, find)


def _asked(check: str, domain: str, find: Callable[[str], Finding]) -> Finding:
    try:
        return find(domain)
    except lookup.Unknown as error:
        return Finding(check, domain, UNKNOWN, str(error), "", "see pillarbox status: resolver")


def _mx(settings: Settings, domain: str) -> Finding:
    records = sorted(ask(domain, "MX").records, key=lambda record: record.preference)
    hosts = [str(record.exchange).rstrip(".").lower() for record in records]
    wanted = settings.hostname
    if not hosts:
        return Finding("MX", domain, CRITICAL, "no MX record", wanted, PUBLISH)
    if wanted not in hosts:
        return Finding("MX", domain, CRITICAL, ", ".join(hosts), wanted, PUBLISH)
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
    names = dict.fromkeys([settings.hostname, *settings.domains])
    sending = [name for name in names if name not in settings.smarthosts]
    return _each("SPF", sending, lambda domain: _spf(settings, domain))


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
            status = WARNING if result in ("none", "neutral") else CRITICAL
            found = f"{result} for {address}" + (f": {why}" if result == "permerror" else "")
            remedy = PUBLISH if result == "none" else _spf_remedy(domain, result)
            worst = Finding("SPF", domain, status, found, "pass", remedy)
    return worst


def _spf_remedy(domain: str, result: str) -> str:
    if result == "permerror":
        return (
            f"{domain} needs one valid SPF record with at most ten lookups: shorten"
            f" mail_domains['{domain}'].spf, or remove the other record, then run site.yml"
        )
    return (
        f"add mx or the address to mail_domains['{domain}'].spf, or remove that setting, and run"
        " site.yml"
    )


def authentication_policies(settings: Settings) -> Iterator[Finding]:
    """Check the DMARC record (RFC 9989)."""
    return _each("DMARC", settings.domains, _dmarc)


def _dmarc(domain: str) -> Finding:
    name = f"_dmarc.{domain}"
    records = texts(name, "v=DMARC1")
    if not records:
        return Finding("DMARC", domain, WARNING, "no record", "v=DMARC1; …", PUBLISH)
    if len(records) > 1:
        remedy = f"remove all TXT records at {name} but one: with several, none counts"
        return Finding("DMARC", domain, WARNING, f"{len(records)} records", "one", remedy)
    tags = dict(
        (key.strip().lower(), value.strip())
        for key, sign, value in (part.partition("=") for part in records[0].split(";"))
        if sign
    )
    policy = tags.get("p", "").lower()
    if policy not in ("none", "quarantine", "reject"):
        found = f"p={policy}" if policy else "no p"
        return Finding("DMARC", domain, WARNING, found, "p=none, quarantine or reject", PUBLISH)
    for address in tags.get("rua", "").split(","):
        there = address.strip().partition("!")[0].rpartition("@")[2].lower()
        if (
            there
            and there != domain
            and not there.endswith(f".{domain}")
            and not domain.endswith(f".{there}")
        ):
            # RFC 9990 section 4: another domain has to agree to receive reports.
            permission = f"{domain}._report._dmarc.{there}"
            if not texts(permission, "v=DMARC1"):
                remedy = f'publish TXT "v=DMARC1" at {permission}, or change rua'
                found = f"{there} does not agree to receive reports"
                return Finding("DMARC", domain, WARNING, found, "its permission", remedy)
    if policy == "none":
        return Finding("DMARC", domain, NOTE, "p=none, so forged mail is only reported", "reject")
    return Finding("DMARC", domain, OK, records[0])


def transport_policies(settings: Settings) -> Iterator[Finding]:
    """Check the MTA-STS policy, as a sender fetches it (RFC 8461)."""
    for domain in settings.domains:
        yield from _transport_policy(settings, domain)


def _transport_policy(settings: Settings, domain: str) -> Iterator[Finding]:
    try:
        records = texts(f"_mta-sts.{domain}", "v=STSv1")
        exchangers = [str(r.exchange).rstrip(".").lower() for r in ask(domain, "MX").records]
    except lookup.Unknown as error:
        yield Finding("MTA-STS", domain, UNKNOWN, str(error))
        return
    if not records:
        return
    try:
        policy = _policy(domain)
    except urllib.error.URLError as error:
        found = f"senders cannot fetch the policy: {error.reason}"
        remedy = f"pillarbox certificates renew {domain}; then see journalctl -eu nginx"
        status = UNKNOWN if isinstance(error.reason, TimeoutError) else CRITICAL
        yield Finding("MTA-STS", domain, status, found, "a policy by HTTPS", remedy)
        return
    mode = next((value for key, value in policy if key == "mode"), "")
    patterns = [value.lower() for key, value in policy if key == "mx"]
    left_out = [
        host for host in exchangers if not any(_matches(host, pattern) for pattern in patterns)
    ]
    if mode != "none" and left_out:
        status = CRITICAL if mode == "enforce" else WARNING
        found = f"the policy ({mode}) leaves out {', '.join(left_out)}"
        yield Finding("MTA-STS", domain, status, found, "all MX hosts", PUBLISH)
    elif len(records) > 1:
        remedy = f"remove all TXT records at _mta-sts.{domain} but that of site.yml"
        yield Finding("MTA-STS", domain, WARNING, f"{len(records)} records", "one", remedy)
    else:
        yield Finding("MTA-STS", domain, OK, f"mode {mode}, for {', '.join(patterns) or 'no host'}")


def _policy(domain: str) -> list[tuple[str, str]]:
    """Fetch a policy. Raises URLError."""

    class Refused(urllib.request.HTTPRedirectHandler):
        # RFC 8461 section 3.3: senders must not follow redirects.
        def redirect_request(self, *_arguments: object) -> None:
            return None

    address = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
    try:
        with urllib.request.build_opener(Refused).open(address, timeout=PATIENCE) as answer:
            text = answer.read(LONGEST).decode(errors="replace")
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError):
            raise urllib.error.URLError(f"HTTP status {error.code}") from error
        if isinstance(error, urllib.error.URLError):
            raise
        raise urllib.error.URLError(error) from error
    lines = (line.partition(":") for line in text.splitlines())
    return [(key.strip(), value.strip()) for key, colon, value in lines if colon]


def _matches(host: str, pattern: str) -> bool:
    """Whether a pattern of a policy covers a host; "*" is one label (RFC 8461 section 4.1)."""
    if pattern.startswith("*."):
        return fnmatch.fnmatchcase(host, pattern) and host.count(".") == pattern.count(".")
    return host == pattern


def required_addresses(settings: Settings) -> Iterator[Finding]:
    """Check that each domain accepts mail to postmaster (RFC 5321 section 4.5.1) and abuse."""
    with smtplib.SMTP("127.0.0.1", 25, "localhost", timeout=PATIENCE) as session:
        session.ehlo()
        for domain in settings.domains:
            for user, status in (("postmaster", CRITICAL), ("abuse", WARNING)):
                yield _accepted(session, f"{user}@{domain}", status)


def _accepted(session: smtplib.SMTP, address: str, severity: str) -> Finding:
    session.mail("")
    code, said = session.rcpt(address)
    session.rset()
    if code == 250:
        return Finding("required addresses", address, OK, "accepted")
    text = f"{code} {said.decode(errors='replace')}"
    if code < 500:
        return Finding("required addresses", address, UNKNOWN, text)
    remedy = f"add {address} to mail_aliases, and run site.yml"
    return Finding("required addresses", address, severity, text, "250", remedy)
