# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that what needs the web server has it, and that each of its names is wanted once.

Each name has one certificate, and in DNS an alias has no other records (RFC 2181 section 10.1).

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._settings.validators import (
    Problem,
    member,
)

# The names below each mail domain, and what they are for.
LABELS = {
    "mta-sts": "where senders look for the MTA-STS policy of",
    "autoconfig": "where mail programs look for the settings of",
    "autodiscover": "where mail programs look for the settings of",
}


# What is served only on a host with mailboxes and a web server.
WEB_SERVICES = (
    "mail_webmail",
    "mail_dav",
    "mail_metrics_password",
    "rspamd_web_password",
    "web_status_password",
)


def web_contradictions(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield services without a web server, and names that are wanted for two purposes."""
    yield from _without_web_server(settings)
    yield from _webmail_without_logins(settings)
    domains = settings.get("mail_domains")
    if not settings.get("mail_web", True) or not settings.get("mail_users"):
        return
    if not isinstance(domains, Mapping):
        return
    taken = _taken(domains)
    for where, name in _others(settings):
        if isinstance(name, str) and name in taken:
            yield where, f"is {name}, {taken[name]}; choose another name, or set mail_web to false"
    for name in domains:
        if name in taken:
            yield (
                member("mail_domains", name),
                f"is {taken[name]}, so it cannot be a mail domain; remove it, or set mail_web to"
                " false",
            )
    yield from _webmail(settings, domains)


def _taken(domains: Mapping[Any, Any]) -> dict[str, str]:
    """Return the web names of the domains in use, and what each is."""
    return {
        f"{label}.{domain}": f"{purpose} {domain}"
        for domain, value in domains.items()
        if not (isinstance(value, Mapping) and value.get("parked") is True)
        for label, purpose in LABELS.items()
    }


def _others(settings: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the path and value of each other setting with a name of this host."""
    yield "mail_hostname", settings.get("mail_hostname")
    yield "mail_webmail", settings.get("mail_webmail")
    names = settings.get("mail_tls_names")
    for number, name in enumerate(names if isinstance(names, list) else ()):
        yield member("mail_tls_names", number), name


def _without_web_server(settings: Mapping[str, Any]) -> Iterator[Problem]:
    for name in WEB_SERVICES:
        if settings.get(name) and settings.get("mail_web") is False:
            yield name, "needs the web server; remove it, or set mail_web to true"
        elif settings.get(name) and settings.get("mail_users", {}) == {}:
            yield name, "has no effect without accounts; remove it, or add some to mail_users"


def _webmail_without_logins(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why webmail could log nobody in."""
    if not settings.get("mail_webmail"):
        return
    if settings.get("mail_client_certificates") == "required":
        yield (
            "mail_webmail",
            "logs in with users' passwords, which mail_client_certificates: required refuses;"
            " remove it, or use another value there",
        )
    if settings.get("mail_tls_source") == "self_signed":
        yield (
            "mail_webmail",
            "logs in to the mail host only if a CA has signed its certificate; remove it, or set"
            " another mail_tls_source than self_signed",
        )


def _webmail(settings: Mapping[str, Any], domains: Mapping[Any, Any]) -> Iterator[Problem]:
    """Yield that the name of the webmail is also the host's or a domain's."""
    name = settings.get("mail_webmail")
    names = settings.get("mail_tls_names")
    if not name or not isinstance(name, str):
        return
    if name == settings.get("mail_hostname") or name in (names if isinstance(names, list) else ()):
        yield "mail_webmail", f"is {name}, a name of the mail host; choose a name of its own"
    elif name in domains:
        yield "mail_webmail", f"is {name}, a mail domain; choose a name below it"
