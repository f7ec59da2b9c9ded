# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DNS records of a mail server, computed from its settings and public keys. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import KeysError
from ansible_collections.pillarbox.mail.plugins.module_utils._names import NamesError, domain_name
from ansible_collections.pillarbox.mail.plugins.module_utils._records.desired import (
    DesiredRecord,
    record,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.domain import (
    domain_records,
    smarthost_includes,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._records.mta_sts import (
    mta_sts_records,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.tlsa import (
    TlsaError,
    load,
    owner,
    rdata,
)

TLSA_MATCHING_TYPES = (1, 2)
HTTPS = 443
# Defaults of the settings; the same as those of role mail.
DEFAULTS: dict[str, Any] = {
    "host_addresses": [],
    "backup_mx": {},
    "smarthosts": {},
    "tlsa_ports": [25, HTTPS, 465, 587, 993],
    "tlsa_matching_types": list(TLSA_MATCHING_TYPES),
    "dkim_selectors": {"r1": {"type": "rsa"}, "e1": {"type": "ed25519"}},
    "mta_sts": {},
    "tls_rpt_rua": [],
    "reports": "mailreports",
    "managesieve": True,
    "pop3": False,
    "srv_records": True,
    "web": True,
    "webmail": "",
    "dav": False,
    "dns": {},
}
TTL = 3600

# Keys as returned by the modules.
DkimKey = Mapping[str, Any]  # dkim_key: dns_name, dns_value; dkim_selectors: dns_name, state
TlsKey = Mapping[str, Any]  # tls_key_ring: algorithm, role, public_key


class MailRecordsError(Exception):
    """A record cannot be made, because a setting or key is not valid."""


def mail_records(
    settings: Mapping[str, Any],
    dkim_keys: Iterable[DkimKey] = (),
    tls_keys: Sequence[TlsKey] = (),
    acme_account_uri: str | None = None,
    dkim_states: Iterable[DkimKey] = (),
    mta_sts_ids: Mapping[str, str] | None = None,
    web_names: Collection[str] | None = None,
) -> list[DesiredRecord]:
    """Return the records of the mail host and of each domain, in the format of dns_records.

    Args:
        settings: the mail_* settings without their prefix.
        dkim_keys, tls_keys: the public keys; a value of None means that the key does not exist
            yet, which makes its record pending.
        acme_account_uri: the only account that may get certificates for the host (RFC 8657). None:
            it does not exist yet. Empty: any account may.
        dkim_states: the keys with their states, which decide what is published.
        mta_sts_ids: the id of each MTA-STS policy that is served. None: as in the settings.
        web_names: the names for which the web server has certificates. None: all.

    Raises:
        MailRecordsError: a name, address or key is not valid.
    """
    try:
        settings = {**DEFAULTS, **settings}
        host = domain_name(settings["hostname"])
        certified = None if web_names is None else frozenset(web_names)
        records = [
            *_addresses(settings["host_addresses"], host),
            *_tlsa(settings, host, tls_keys),
            *_caa(settings, host, acme_account_uri),
            *_host(settings, host),
            *_webmail(settings, host),
            *domain_records(settings, host),
            *mta_sts_records(settings, host, mta_sts_ids, certified),
            *_dkim(settings, dkim_keys, dkim_states),
        ]
    except (NamesError, KeysError) as error:
        raise MailRecordsError(str(error)) from error
    except KeyError as error:
        raise MailRecordsError(f"a setting or key lacks {error}") from error
    ttl = settings["dns"].get("ttl", TTL)
    return [{**item, "ttl": ttl} for item in records]


def announces(item: DesiredRecord) -> bool:
    """Whether others use a service once they find this record, so that it must work before.

    The id of an MTA-STS policy has senders fetch it (RFC 8461 section 8.1).
    """
    return item["type"] in ("MX", "SRV") or item["name"].startswith("_mta-sts.")


def selected(
    records: Iterable[DesiredRecord], step: str = "all", names: Collection[str] = ()
) -> list[DesiredRecord]:
    """Return the records to publish in one step of a run.

    Args:
        records: the result of mail_records().
        step: prepare for all but those that announce a service; announce for only these; or all.
        names: names whose records are part of the step announce, too.
    """
    known = frozenset(names)
    if step == "prepare":
        return [item for item in records if not announces(item)]
    if step == "announce":
        return [item for item in records if announces(item) or item["name"] in known]
    return list(records)


def _addresses(addresses: Sequence[str], host: str) -> Iterator[DesiredRecord]:
    """Yield A and AAAA of the host. Without addresses in the settings they are not managed."""
    try:
        known = [ipaddress.ip_address(address) for address in addresses]
    except ValueError as error:
        raise MailRecordsError(f"host_addresses: {error}") from error
    for version, rdtype in ((4, "A"), (6, "AAAA")) if known else ():
        values = [str(address) for address in known if address.version == version]
        reason = f"the IPv{version} addresses of {host}"
        yield record(host, rdtype, values, "required", reason, bool(values))


def _tlsa(
    settings: Mapping[str, Any], host: str, keys: Sequence[TlsKey]
) -> Iterator[DesiredRecord]:
    """Yield an RRset per port, each with all digests of all keys.

    RFC 7671 sections 8 and 9: current and next keys of all algorithms in service, and the same
    digests for each, since a client may use the strongest digest only.
    """
    if not keys:
        return
    matching_types = settings["tlsa_matching_types"]
    if not set(matching_types) <= set(TLSA_MATCHING_TYPES):
        raise MailRecordsError(f"tlsa_matching_types is {matching_types}: only 1 and 2 are valid")
    values = None
    if all(key["public_key"] is not None for key in keys):
        values = [value for key in keys for value in _digests(key, matching_types)]
    # Records left on a port that is no longer listed would be wrong once the keys change.
    for port in dict.fromkeys([*settings["tlsa_ports"], *DEFAULTS["tlsa_ports"]]):
        wanted = port in settings["tlsa_ports"]
        reason = f"the keys that TLS clients may trust on port {port} (needs DNSSEC)"
        name = owner(host, port, "tcp")
        # Another web server on the host may have records of its own.
        gone = values if port == HTTPS else ()
        if wanted or gone is not None:
            yield record(name, "TLSA", values if wanted else gone, "recommended", reason, wanted)


def _digests(key: TlsKey, matching_types: Iterable[int]) -> Iterator[str]:
    try:
        material = load(key["public_key"].encode())
        for matching_type in matching_types:
            yield rdata(material, 3, 1, matching_type)
    except TlsaError as error:
        raise MailRecordsError(f"the {key['role']} {key['algorithm']} key {error}") from error


def _caa(settings: Mapping[str, Any], host: str, account: str | None) -> Iterator[DesiredRecord]:
    """Yield the CA that may issue certificates for the host, and how (RFC 8659, RFC 8657)."""
    ca = settings.get("acme_ca_domain")
    if not ca:
        return
    values = None
    if account is not None:
        accounturi = f" accounturi={account};" if account else ""
        methods = [settings.get("acme_challenge", "dns-01")]
        if settings["web"] and "http-01" not in methods:
            # The names of the web server are aliases of the host, whose record then applies to
            # them, too (RFC 8659 section 3). Several methods are separated by commas (RFC 8657
            # section 4).
            methods.append("http-01")
        issue = f"{ca};{accounturi} validationmethods={','.join(methods)}"
        values = [f'0 issue "{issue}"', '0 issuewild ";"']
    reason = f"only {ca} may issue certificates for {host}, and no wildcard certificates"
    yield record(host, "CAA", values, "recommended", reason)


def _host(settings: Mapping[str, Any], host: str) -> Iterator[DesiredRecord]:
    """Yield the SPF record of the host's own name, which bounces and mail from root use.

    A bounce has no envelope sender, so SPF checks its HELO name (RFC 7208 section 2.4). Without a
    record it would fail the DMARC policy that the parent domain sets for it.
    """
    if host not in map(domain_name, settings["domains"]):
        reason = f"SPF, bounces and forwarded mail come from {host} itself"
        includes = smarthost_includes(settings, host)
        terms = ["v=spf1", "a", *(f"include:{name}" for name in includes), "-all"]
        yield record(host, "TXT", [" ".join(terms)], "recommended", reason)


def _webmail(settings: Mapping[str, Any], host: str) -> Iterator[DesiredRecord]:
    """Yield the alias of the webmail site, unless its zone is somebody else's."""
    name = settings["webmail"] and domain_name(settings["webmail"])
    if any(name.endswith(f".{domain_name(domain)}") for domain in settings["domains"]):
        reason = "where users read mail in a browser"
        yield record(name, "CNAME", [f"{host}."], "optional", reason)


def _dkim(
    settings: Mapping[str, Any], keys: Iterable[DkimKey], states: Iterable[DkimKey]
) -> Iterator[DesiredRecord]:
    parked = {name for name, domain in settings["domains"].items() if (domain or {}).get("parked")}
    state_of = {item["dns_name"]: item for item in states if item["domain"] in settings["domains"]}
    for key in keys:
        state = state_of.get(key["dns_name"], key).get("state")
        if key["domain"] not in parked and state not in ("revoked", "gone"):
            yield record(
                domain_name(key["dns_name"], underscore=True),
                "TXT",
                None if key["dns_value"] is None else [key["dns_value"]],
                "required",
                f"DKIM, the key {key['selector']} of {key['domain']}",
            )
    for name, item in state_of.items():
        # For selectors in the settings, _no_mail() removes the record of a parked domain.
        stray = item["domain"] in parked and item["selector"] not in settings["dkim_selectors"]
        if stray:
            reason = f"DKIM, the key {item['selector']} of {item['domain']}"
            yield record(name, "TXT", (), "required", reason, wanted=False)
        elif item["domain"] not in parked and item["state"] in ("revoked", "gone"):
            # An empty p= revokes the key (RFC 6376 section 3.6.1).
            value, here = f"v=DKIM1; k={item['type']}; p=", item["state"] == "revoked"
            reason = f"DKIM, the key {item['selector']} of {item['domain']} is revoked"
            yield record(name, "TXT", [value], "recommended", reason, wanted=here)
