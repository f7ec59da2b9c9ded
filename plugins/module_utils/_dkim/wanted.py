# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that dkim_key is asked for, and what it tells of them.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.pillarbox.mail.plugins.module_utils._dkim.key import (
    DkimError,
    dns_name,
    dns_value,
)
from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import spki_sha256
from ansible_collections.pillarbox.mail.plugins.module_utils._names import domain_name, selector

if TYPE_CHECKING:
    from ansible_collections.pillarbox.mail.plugins.module_utils._keys.private import PrivateKey


def normalise(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the wanted keys with names in their normal form; no file and no record twice."""
    wanted: list[dict[str, Any]] = []
    seen: set[str] = set()
    for key in keys:
        key = {**key, "domain": domain_name(key["domain"]), "selector": selector(key["selector"])}
        if key["type"] == "ed25519":
            key["size"] = 256
        for name in (key["path"], dns_name(key["selector"], key["domain"])):
            if name in seen:
                raise DkimError(
                    f"keys: {name} is there twice; each key needs its own file and selector"
                )
            seen.add(name)
        wanted.append(key)
    return wanted


def describe(wanted: dict[str, Any], key: PrivateKey | None) -> dict[str, Any]:
    """Return what may be known of a key."""
    return {
        **wanted,
        "dns_name": dns_name(wanted["selector"], wanted["domain"]),
        "dns_value": dns_value(key) if key else None,
        "fingerprint": spki_sha256(key.public_key()) if key else None,
    }


def records(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records of the keys that exist."""
    return [
        {"name": key["dns_name"], "type": "TXT", "values": [key["dns_value"]]}
        for key in keys
        if key["dns_value"]
    ]


def diff_text(keys: list[dict[str, Any]], existing: set[str]) -> str:
    """Return one line for each key whose file exists."""
    return "".join(
        f"{key['path']}: {key['type']} {key['size']} {key['fingerprint'] or ''}".rstrip() + "\n"
        for key in keys
        if key["path"] in existing
    )
