# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CAs may issue certificates for the names of this host (CAA, RFC 8659)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dns.name

from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, OK, Finding
from pillarbox.check.settings import Settings, ask


def issuers(settings: Settings) -> Iterator[Finding]:
    """Check that the CA of this host may renew its certificates."""
    if not settings.base["caa"]:
        return iter(())
    # All names of a site are aliases of the host; one shows whether that is so.
    sites = settings.parts["acme_sh"].get("web", {}).get("sites", {}).values()
    names = dict.fromkeys([settings.hostname, *(names[0] for names in sites if names)])
    return each("CAA", names, lambda name: _issuer(settings, name))


def _issuer(settings: Settings, name: str) -> Finding:
    ca = settings.base["caa"]
    owner, records = relevant(name)
    issue = [record.value.decode(errors="replace") for record in records if record.tag == b"issue"]
    named = [value.partition(";")[0].strip().lower() for value in issue]
    if ca in named or not issue:
        text = f"{owner} names {ca}" if issue else "any CA may issue certificates"
        return Finding("CAA", name, OK, text)
    found = f"{owner} allows only {', '.join(filter(None, named)) or 'no CA'}"
    remedy = (
        f'add CAA 0 issue "{ca}" at {owner}, or set acme_sh_server to a CA that it names; else'
        " certificates cannot be renewed"
    )
    return Finding("CAA", name, CRITICAL, found, ca, remedy)


def relevant(name: str) -> tuple[str, list[Any]]:
    """Return the closest CAA records of a name, and their owner; aliases are followed.

    Raises lookup.Unknown.
    """
    owner = dns.name.from_text(name)
    while owner != dns.name.root:
        answer = ask(owner, "CAA")
        if answer.records:
            return str(answer.name).rstrip("."), answer.records
        owner = owner.parent()
    return "", []
