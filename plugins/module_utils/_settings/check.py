# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the settings of all roles, and report everything that is wrong at once.

This module util is PRIVATE to the collection. The roles' argument_specs.yml say most; the rules add
what these cannot express. No problem shows a password, a hash or a TSIG secret.
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
    ACCOUNT_RULES,
    without_verifier,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.addresses import Directory
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.backup import (
    BACKUP_RULES,
    backup_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.domains import (
    DOMAIN_RULES,
    contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.dovecot import (
    DOVECOT_RULES,
    dovecot_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.monitoring import (
    MONITORING_RULES,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.postfix import (
    POSTFIX_RULES,
    postfix_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.routes import (
    ROUTE_RULES,
    route_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.rspamd import (
    RSPAMD_RULES,
    rspamd_contradictions,
    web_password,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.specs import (
    Also,
    Range,
    Rules,
    Specs,
    checks_of,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.tls import (
    TLS_RULES,
    tls_contradictions,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    base64_text,
    did_you_mean,
    empty_or,
    list_of,
    member,
    parsed_by,
    unresolved,
    well_formed,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._settings.web_names import (
    web_contradictions,
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
            yield where, "contains a port; set that as mail_dns.port"
        else:
            yield from parsed_by(domain_name)(where, value)


_TSIG_NAME = parsed_by(lambda name: labels(name.rstrip("."), underscore=True))


def _provider_class(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"([A-Za-z_]\w*\.)+[A-Za-z_]\w*", value):
        yield where, "must be a class with its module, such as octodns_ovh.OvhProvider"


_NEEDED = {"rfc2136": ("tsig_name", "tsig_secret"), "octodns": ("provider_class",)}


def _dns(where: str, value: Mapping[str, Any]) -> Iterator[Problem]:
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
        yield where, f"must be an address or a network, such as 198.51.100.0/24, not {value!r}"


def _web_path(where: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
        yield (
            where,
            f"must be a path of one part, made of lower-case letters, digits, '_' and '-', without"
            f" '/', such as setup, not {value!r}",
        )
    elif value in ("dav", "metrics", "rspamd", "status"):
        yield where, f"is {value}, where the web server has something else; use another path"


# Templates use names and addresses as they are written, hence in their normal form.
RULES: Rules = {
    **DOMAIN_RULES,
    **ACCOUNT_RULES,
    **ROUTE_RULES,
    **TLS_RULES,
    "mail_dns": Also(_dns),
    "mail_dns.path": _path,
    "mail_dns.server": _server,
    "mail_dns.port": Range(1, 65535),
    "mail_dns.tsig_name": _TSIG_NAME,
    "mail_dns.tsig_secret": base64_text,
    "mail_dns.provider_class": _provider_class,
    "mail_dns.zones": list_of(parsed_by(domain_name)),
    "mail_dns.ttl": Range(1, 2**31 - 1),  # RFC 2181 section 8
    "acme_sh_release_sha256": _sha256,
    "acme_sh_server": _acme_server,
    "acme_sh_tsig.name": _TSIG_NAME,
    "acme_sh_tsig.secret": base64_text,
    "acme_sh_renew_days": Range(1, 365),
    **DOVECOT_RULES,
    "fail2ban_ignoreip": list_of(_network),
    "fail2ban_maxretry": Range(1, 1000),
    "fail2ban_findtime": Range(60, 86400),
    "fail2ban_bantime": Range(60, 31536000),
    **POSTFIX_RULES,
    **RSPAMD_RULES,
    **MONITORING_RULES,
    **BACKUP_RULES,
    "mail_webmail": empty_or(parsed_by(normal(domain_name))),
    "web_setup_path": _web_path,
    "web_status_password": empty_or(web_password),
}


# Checks across settings.


def _missing(settings: Mapping[str, Any]) -> Iterator[Problem]:
    if "mail_hostname" not in settings:
        yield "mail_hostname", "is missing; set the name of the server, such as mx.example.org"
    if settings.get("mail_domains", {}) == {}:
        yield "mail_domains", "is missing or empty; add a domain as a key, such as example.org: {}"
    if settings.get("mail_users", {}) == {} and not settings.get("mail_postmaster"):
        yield (
            "mail_users",
            "is empty; add an account, or for a host without mailboxes set mail_postmaster to an"
            " address on another server",
        )


def _postmaster(settings: Mapping[str, Any]) -> Iterator[Problem]:
    users = dict(well_formed(settings.get("mail_users"), address))
    postmaster = settings.get("mail_postmaster")
    if users and isinstance(postmaster, str):
        known = dict(well_formed({postmaster: None}, address)).keys() & users.keys()
        if not known:
            advice = did_you_mean(postmaster.lower(), users)
            yield "mail_postmaster", f"is {postmaster!r}, which is not one of mail_users; {advice}"
    elif isinstance(postmaster, str) and settings.get("mail_users", {}) == {}:
        yield from _postmaster_elsewhere(postmaster.rpartition("@")[2], settings)


def _postmaster_elsewhere(domain: str, settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that nobody would receive the postmaster's mail on a host without accounts."""
    domains, relayed = settings.get("mail_domains"), settings.get("mail_relay_domains")
    here = domain in domains if isinstance(domains, Mapping) else False
    handed_on = domain in relayed if isinstance(relayed, Mapping) else False
    if domain and (domain == settings.get("mail_hostname") or here and not handed_on):
        yield (
            "mail_postmaster",
            f"is in {domain}, which has no mailboxes here and is not one of mail_relay_domains;"
            " set an address on another server",
        )


def check(
    settings: Mapping[str, Any], specs: Specs, today: datetime.date | None = None
) -> list[str]:
    """Return everything that is wrong with the settings, a sentence each; nothing when all is well.

    Args:
        settings: the roles' variables by name. A missing one has its default. Values, also nested
            ones, may be Unresolved.
        specs: the argument_specs of each role, by role.
        today: the date from which an account's expiry is judged.
    """
    known = checks_of(specs, RULES)
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
        *web_contradictions(settings),
        *backup_contradictions(settings),
    ]
    for name, value in settings.items():
        if name in known:
            problems += known[name](name, value)
        else:
            # Any other variable may be the site's own, even if its name begins like a setting's.
            close = difflib.get_close_matches(str(name), known, 1, cutoff=0.85)
            problems += [(name, f"is unknown; did you mean {other}?") for other in close]
    no_value = dict(unresolved("", settings))
    found = {problem for problem in problems if problem[0] not in no_value}
    return [f"{where}: {what}" for where, what in sorted({*no_value.items(), *found})]
