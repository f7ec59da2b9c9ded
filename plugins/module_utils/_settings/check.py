# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the settings of the roles, all of it at once.

This module util is PRIVATE to the collection. It knows the mail_* settings, which more than one
role uses; what it knows of the other roles' own options is their documentation and a little more.
No problem shows a password, a hash or a TSIG secret.
"""

from __future__ import annotations

import datetime
import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._names import (
    address,
    domain_name,
    labels,
    normal,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.accounts import (
    ALIASES,
    MASTERS,
    account,
    delimiters,
    quota,
    text,
    without_verifier,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.addresses import Directory
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.domains import (
    backup_mx,
    contradictions,
    dkim_selectors,
    domain_settings,
    mta_sts,
    public_address,
    tls_report_uri,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.dovecot import (
    DOVECOT_CHECKS,
    dovecot_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.postfix import (
    POSTFIX_CHECKS,
    postfix_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.routes import (
    ROUTE_CHECKS,
    route_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.rspamd import (
    RSPAMD_CHECKS,
    rspamd_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.tls import (
    TLS_CHECKS,
    tls_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Check,
    Problem,
    base64_text,
    boolean,
    dictionary,
    did_you_mean,
    documented,
    empty_or,
    fields,
    integer,
    keyed_by,
    list_of,
    member,
    one_of,
    parsed_by,
    unresolved,
    well_formed,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.acme import (
    AcmeError,
    account_file,
)


def _path(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not value:
        yield where, "must be the path of a directory on the controller"


def _server(where: str, value: Any) -> Iterator[Problem]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if isinstance(value, str) and re.fullmatch(r"\[.*\]:\d+|[^:]*:\d+", value):
            yield where, "has a port in it; write that to mail_dns.port"
        else:
            yield from parsed_by(domain_name)(where, value)


_TSIG: dict[str, Check] = {
    "name": parsed_by(lambda name: labels(name.rstrip("."), underscore=True)),
    "secret": base64_text,
    "algorithm": one_of("hmac-sha256", "hmac-sha384", "hmac-sha512"),
}


def _provider_class(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"([A-Za-z_]\w*\.)+[A-Za-z_]\w*", value):
        yield where, "must be a class with its module, as in octodns_ovh.OvhProvider"


_DNS_FIELDS = fields(
    {
        "provider": one_of("zonefile", "rfc2136", "octodns"),
        "zones": list_of(parsed_by(domain_name)),
        "provider_class": _provider_class,
        "provider_options": dictionary,
        "wait": boolean,
        "path": _path,
        "server": _server,
        "port": integer(1, 65535),
        **{f"tsig_{key}": check for key, check in _TSIG.items()},
        "ttl": integer(1, 2**31 - 1),  # RFC 2181 section 8
    }
)


_NEEDED = {"rfc2136": ("tsig_name", "tsig_secret"), "octodns": ("provider_class",)}


def _dns(where: str, value: Any) -> Iterator[Problem]:
    yield from _DNS_FIELDS(where, value)
    if not isinstance(value, Mapping):
        return
    provider = value.get("provider")
    for key in _NEEDED.get(provider, ()) if isinstance(provider, str) else ():
        if key not in value:
            yield member(where, key), f"is missing; provider {provider} needs it"


def _acme_server(where: str, value: Any) -> Iterator[Problem]:
    try:
        account_file("/", str(value))
    except (AcmeError, ValueError):
        yield where, f"must be the https URL of an ACME directory, not {value!r}"


def _sha256(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        yield where, "must be a SHA-256: 64 hexadecimal digits in lower case, in quotes"


def _network(where: str, value: Any) -> Iterator[Problem]:
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        yield where, f"must be an address or a network, as in 198.51.100.0/24, not {value!r}"


# The names and addresses are in templates as they are written here, hence in their normal form.
CHECKS: dict[str, Check] = {
    "mail_hostname": parsed_by(normal(domain_name)),
    "mail_host_addresses": list_of(public_address),
    "mail_domains": keyed_by("domain", normal(domain_name), domain_settings),
    "mail_backup_mx": backup_mx,
    "mail_users": keyed_by("address", normal(address), account),
    "mail_aliases": ALIASES,
    "mail_postmaster": parsed_by(lambda name: name and normal(address)(name)),
    "mail_quota": empty_or(quota),
    "mail_suspended_text": text,
    "mail_recipient_delimiters": delimiters,
    "mail_managesieve": boolean,
    "mail_pop3": boolean,
    "mail_full_text_search": boolean,
    "mail_master_users": MASTERS,
    "mail_scram": boolean,
    "mail_client_certificates": one_of("none", "required", "sufficient"),
    "mail_junk_days": integer(0, 3650),
    "mail_trash_days": integer(0, 3650),
    **ROUTE_CHECKS,
    **TLS_CHECKS,
    "mail_dkim_selectors": dkim_selectors,
    "mail_mta_sts": mta_sts,
    "mail_mta_sts_outbound": boolean,
    "mail_tls_rpt_rua": list_of(tls_report_uri),
    "mail_srv_records": boolean,
    "mail_client_autoconfig": boolean,
    "mail_dns": _dns,
}

# What the documentation of these options does not tell a program.
_BEYOND_DOCUMENTATION: dict[str, Check] = {
    "acme_sh_release_sha256": _sha256,
    "acme_sh_server": _acme_server,
    "acme_sh_tsig": fields(_TSIG),
    "acme_sh_renew_days": integer(1, 365),
    **DOVECOT_CHECKS,
    "fail2ban_ignoreip": list_of(_network),
    "fail2ban_maxretry": integer(1, 1000),
    "fail2ban_findtime": integer(60, 86400),
    "fail2ban_bantime": integer(60, 31536000),
    **POSTFIX_CHECKS,
    **RSPAMD_CHECKS,
}


# Checks across settings.


def _missing(settings: Mapping[str, Any]) -> Iterator[Problem]:
    if "mail_hostname" not in settings:
        yield "mail_hostname", "is missing; write the server's name, as in mx.example.org"
    if settings.get("mail_domains", {}) == {}:
        yield "mail_domains", "is missing or empty; write a domain as a key, as in example.org: {}"
    if settings.get("mail_users", {}) == {} and not settings.get("mail_postmaster"):
        yield (
            "mail_users",
            "is empty; write an account, or for a host without mailboxes write to mail_postmaster"
            " an address on another server",
        )


def _postmaster(settings: Mapping[str, Any]) -> Iterator[Problem]:
    users = dict(well_formed(settings.get("mail_users"), address))
    postmaster = settings.get("mail_postmaster")
    if users and isinstance(postmaster, str):
        known = dict(well_formed({postmaster: None}, address)).keys() & users.keys()
        if not known:
            advice = did_you_mean(postmaster.lower(), users)
            yield "mail_postmaster", f"is {postmaster!r}, not one of mail_users; {advice}"
    elif isinstance(postmaster, str) and settings.get("mail_users", {}) == {}:
        yield from _postmaster_elsewhere(postmaster.rpartition("@")[2], settings)


def _postmaster_elsewhere(domain: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that nobody would get the postmaster's mail on a host without accounts."""
    domains, relayed = settings.get("mail_domains"), settings.get("mail_relay_domains")
    here = domain in domains if isinstance(domains, Mapping) else False
    handed_on = domain in relayed if isinstance(relayed, Mapping) else False
    if domain and (domain == settings.get("mail_hostname") or here and not handed_on):
        yield (
            "mail_postmaster",
            f"is in {domain}, which has no mailboxes here and is not one of mail_relay_domains;"
            " write an address on another server",
        )


def check(
    settings: Mapping[str, Any],
    roles: Mapping[str, Mapping[str, Any]] | None = None,
    today: datetime.date | None = None,
) -> list[str]:
    """Return everything that is wrong with the settings, a sentence each; nothing when all is well.

    Args:
        settings: the roles' variables by name. A missing one has its default. Values, also nested
            ones, may be Unresolved.
        roles: the options of the other roles as their argument_specs.yml document them, by role.
        today: the date by which an account has expired or not.
    """
    known = dict(CHECKS)
    for options in (roles or {}).values():
        for name, option in options.items():
            known[name] = _BEYOND_DOCUMENTATION.get(name) or documented(option)
    problems = [
        *_missing(settings),
        *contradictions(settings),
        *_postmaster(settings),
        *without_verifier(settings),
        *Directory(settings, today or datetime.date.today()).problems(),
        *tls_contradictions(settings),
        *postfix_contradictions(settings),
        *dovecot_contradictions(settings),
        *route_contradictions(settings),
        *rspamd_contradictions(settings),
    ]
    for name, value in settings.items():
        if name in known:
            problems += known[name](name, value)
        else:
            # Any other variable may be the site's own, however its name begins.
            close = difflib.get_close_matches(str(name), known, 1, cutoff=0.85)
            problems += [(name, f"is unknown; did you mean {other}?") for other in close]
    no_value = dict(unresolved("", settings))
    found = {problem for problem in problems if problem[0] not in no_value}
    return [f"{where}: {what}" for where, what in sorted({*no_value.items(), *found})]
