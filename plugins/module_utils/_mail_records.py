# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS records that a mail server needs, from its settings and public keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._keys import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._tlsa import (
    TlsaError,
    load,
    owner,
    rdata,
)

# Where the values come from when a setting is left out; the same as the defaults of role mail.
TTL = 3600
TLSA_PORTS = (25, 465, 587, 993)
TLSA_MATCHING_TYPES = (1, 2)
# The tags of a DMARC record in their order (RFC 9989 section 4.7), with our value when the setting
# is left out; None leaves the tag out too.
DMARC_TAGS = {
    "p": "reject",
    "sp": "reject",
    "np": "reject",
    "adkim": None,
    "aspf": None,
    "rua": None,
}

# Keys as the modules return them.
DkimKey = Mapping[str, Any]  # dkim_key: domain, selector, dns_name, dns_value
TlsKey = Mapping[str, Any]  # tls_key_ring: algorithm, role, public_key


class MailRecordsError(Exception):
    """A setting or key that no record can be made of."""


def mail_records(
    settings: Mapping[str, Any],
    dkim_keys: Iterable[DkimKey] = (),
    tls_keys: Sequence[TlsKey] = (),
    acme_account_uri: str | None = None,
) -> list[dict[str, Any]]:
    """Return the records of the mail host and of each domain, as dns_records takes them.

    Args:
        settings: the mail_* settings without their prefix.
        dkim_keys, tls_keys: the public keys; one whose value is None does not exist yet, and its
            record is pending.
        acme_account_uri: the only account that may get certificates for the host (RFC 8657). None:
            it does not exist yet. Empty: any account may.

    Raises:
        MailRecordsError: a name or key is not usable.
    """
    try:
        host = domain_name(settings["hostname"])
        records = [
            *_tlsa(settings, host, tls_keys),
            *_caa(settings, host, acme_account_uri),
            *_host(settings, host),
            *_domains(settings, host),
            *_dkim(dkim_keys),
        ]
    except (NamesError, KeysError) as error:
        raise MailRecordsError(str(error)) from error
    except KeyError as error:
        raise MailRecordsError(f"setting or key without {error}") from error
    ttl = settings.get("dns", {}).get("ttl", TTL)
    return [{**record, "ttl": ttl} for record in records]


def _record(
    name: str, rdtype: str, values: Sequence[str] | None, level: str, reason: str
) -> dict[str, Any]:
    """Return a record; values None means that they are not known yet."""
    return {
        "name": name,
        "type": rdtype,
        "values": list(values or ()),
        "state": "present",
        "pending": values is None,
        "level": level,
        "reason": reason,
    }


def _tlsa(
    settings: Mapping[str, Any], host: str, keys: Sequence[TlsKey]
) -> Iterator[dict[str, Any]]:
    """Yield an RRset per port, each with every digest of every key.

    RFC 7671 sections 8 and 9: the keys in use and the next ones, of all algorithms that are served,
    and for each of them the same digests, since a client may look at the strongest digest only.
    """
    if not keys:
        return
    matching_types = settings.get("tlsa_matching_types", TLSA_MATCHING_TYPES)
    if not set(matching_types) <= set(TLSA_MATCHING_TYPES):
        raise MailRecordsError(f"tlsa_matching_types is {matching_types}: it may have 1 and 2")
    values = None
    if all(key["public_key"] is not None for key in keys):
        values = [value for key in keys for value in _digests(key, matching_types)]
    for port in settings.get("tlsa_ports", TLSA_PORTS):
        reason = f"the keys that TLS clients may trust on port {port} (needs DNSSEC)"
        yield _record(owner(host, port, "tcp"), "TLSA", values, "recommended", reason)


def _digests(key: TlsKey, matching_types: Iterable[int]) -> Iterator[str]:
    try:
        material = load(key["public_key"].encode())
        for matching_type in matching_types:
            yield rdata(material, 3, 1, matching_type)
    except TlsaError as error:
        raise MailRecordsError(f"the {key['role']} {key['algorithm']} key {error}") from error


def _caa(settings: Mapping[str, Any], host: str, account: str | None) -> Iterator[dict[str, Any]]:
    """Yield who may issue certificates for the host, and how (RFC 8659, RFC 8657)."""
    ca = settings.get("acme_ca_domain")
    if not ca:
        return
    values = None
    if account is not None:
        accounturi = f" accounturi={account};" if account else ""
        values = [f'0 issue "{ca};{accounturi} validationmethods=dns-01"', '0 issuewild ";"']
    reason = f"only {ca} may issue certificates for {host}, and none with a wildcard"
    yield _record(host, "CAA", values, "recommended", reason)


def _host(settings: Mapping[str, Any], host: str) -> Iterator[dict[str, Any]]:
    """Yield the SPF record of the host's own name, which bounces and mail of root are sent with.

    A bounce has no envelope sender, so its HELO name is looked at (RFC 7208 section 2.4); without a
    record it would fail the DMARC policy that the domain above sets for it.
    """
    if host not in map(domain_name, settings["domains"]):
        reason = f"SPF, bounces come from {host} itself"
        yield _record(host, "TXT", ["v=spf1 a -all"], "recommended", reason)


def _domains(settings: Mapping[str, Any], host: str) -> Iterator[dict[str, Any]]:
    for name, domain in settings["domains"].items():
        name, domain = domain_name(name), domain or {}
        yield _record(name, "MX", [f"10 {host}."], "required", f"where mail for {name} goes")
        yield _record(
            name,
            "TXT",
            [_spf(domain.get("spf") or {})],
            "required",
            f"SPF, the servers that may send mail from {name}",
        )
        yield _record(
            f"_dmarc.{name}",
            "TXT",
            [_dmarc(domain.get("dmarc") or {})],
            "required",
            f"DMARC, what to do with mail that only claims to be from {name}",
        )


def _spf(spf: Mapping[str, Any]) -> str:
    """Return an SPF record (RFC 7208): the MX sends, and whom the settings include."""
    includes = [f"include:{domain_name(name, underscore=True)}" for name in spf.get("include", ())]
    return " ".join(["v=spf1", "mx", *includes, spf.get("all", "-all")])


def _dmarc(dmarc: Mapping[str, Any]) -> str:
    """Return a DMARC record (RFC 9989 section 4.7); v and p have to come first."""
    tags = {"v": "DMARC1", **DMARC_TAGS, **dmarc}
    if tags["rua"]:
        # What separates URIs and tags from each other must not occur in a URI.
        tags["rua"] = ",".join(
            uri.replace(",", "%2C").replace("!", "%21").replace(";", "%3B") for uri in tags["rua"]
        )
    return "; ".join(f"{tag}={value}" for tag, value in tags.items() if value)


def _dkim(keys: Iterable[DkimKey]) -> Iterator[dict[str, Any]]:
    for key in keys:
        yield _record(
            domain_name(key["dns_name"], underscore=True),
            "TXT",
            None if key["dns_value"] is None else [key["dns_value"]],
            "required",
            f"DKIM, the key {key['selector']} that signs mail from {key['domain']}",
        )
