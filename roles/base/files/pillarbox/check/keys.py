# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DKIM keys on disk, compared with their records."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pillarbox.certificates.pair import key_spki
from pillarbox.check.each import each
from pillarbox.check.finding import CRITICAL, OK, WARNING, Finding
from pillarbox.check.settings import Settings, tags, texts

# A key that only waits may have no record yet.
PUBLISHED = ("active", "retired")


def signatures(settings: Settings) -> Iterator[Finding]:
    """Check that the record of each key in use has its public half."""
    ledger = json.loads(Path(settings.parts["rspamd"]["dkim"]["ledger"]).read_bytes())
    used = [
        (domain, selector, entry["state"])
        for domain in settings.domains
        for selector, entry in ledger.get(domain, {}).items()
        if entry["state"] in PUBLISHED
    ]
    return each("DKIM", used, lambda key: _signature(settings, *key), lambda key: _subject(*key))


def _subject(domain: str, selector: str, _state: str) -> str:
    return f"{selector} of {domain}"


def _signature(settings: Settings, domain: str, selector: str, state: str) -> Finding:
    subject, name = _subject(domain, selector, state), f"{selector}._domainkey.{domain}"
    file = Path(settings.parts["rspamd"]["dkim"]["keys"], f"{domain}.{selector}.key")
    # What a retired key has signed may still be under way.
    severe = CRITICAL if state == "active" else WARNING

    def finding(found: str, wanted: str, remedy: str = settings.publish) -> Finding:
        return Finding("DKIM", subject, severe, found, wanted, remedy)

    # "v=" is optional (RFC 6376 section 3.6.1).
    records = [found for found in map(tags, texts(name)) if "p" in found]
    if not file.exists():
        remedy = f"restore {file} from a backup, or run rotate_dkim.yml"
        return finding(f"{file} is missing", "the key", remedy)
    if not records:
        return finding(f"no record at {name}", "its public key")
    if len(records) > 1:
        remedy = f"remove all TXT records at {name} but that of site.yml"
        return finding(f"{len(records)} records", "one", remedy)
    if "".join(records[0]["p"].split()) != public(file.read_bytes()):
        return finding(f"the record at {name} has another key, so signatures fail", "this key")
    return Finding("DKIM", subject, OK, f"{records[0].get('k', 'rsa')}, published")


def public(data: bytes) -> str:
    """Return the p= of a key file: RSA in PEM, or the seed of Ed25519 in base64 (RFC 8463)."""
    if data.startswith(b"-----BEGIN"):
        found = key_spki(data)
    else:
        seed = base64.b64decode(data)[:32]
        found = (
            Ed25519PrivateKey.from_private_bytes(seed)
            .public_key()
            .public_bytes(Encoding.Raw, PublicFormat.Raw)
        )
    return base64.b64encode(found).decode()
