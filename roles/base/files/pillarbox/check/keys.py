# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DKIM keys on disk, compared with their records."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from pillarbox import lookup
from pillarbox.check.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.settings import Settings, texts

# A key that only waits may have no record yet.
PUBLISHED = ("active", "retired")
SITE = "run site.yml, which publishes it; then see pillarbox status: dkim"


def signatures(settings: Settings) -> Iterator[Finding]:
    """Check that the record of each key in use has its public half."""
    dkim = settings.parts["rspamd"]["dkim"]
    ledger = json.loads(Path(dkim["ledger"]).read_bytes())
    for domain in settings.domains:
        for selector, entry in ledger.get(domain, {}).items():
            if entry["state"] in PUBLISHED:
                file = Path(dkim["keys"], f"{domain}.{selector}.key")
                yield _signature(domain, selector, entry["state"], file)


def _signature(domain: str, selector: str, state: str, file: Path) -> Finding:
    subject, name = f"{selector} of {domain}", f"{selector}._domainkey.{domain}"
    # What a retired key has signed may still be under way.
    severity = CRITICAL if state == "active" else WARNING
    try:
        # "v=" is optional (RFC 6376 section 3.6.1).
        records = [text for text in texts(name, "") if "p=" in text]
    except lookup.Unknown as error:
        return Finding("DKIM", subject, UNKNOWN, str(error))
    if not file.exists():
        remedy = f"restore {file} from a backup, or ansible-playbook pillarbox.mail.rotate_dkim"
        return Finding("DKIM", subject, severity, f"{file} is missing", "the key", remedy)
    if not records:
        return Finding("DKIM", subject, severity, f"no record at {name}", "its public key", SITE)
    if len(records) > 1:
        remedy = f"remove all TXT records at {name} but that of site.yml"
        return Finding("DKIM", subject, severity, f"{len(records)} records", "one", remedy)
    tags = dict(part.strip().split("=", 1) for part in records[0].split(";") if "=" in part)
    if "".join(tags.get("p", "").split()) != public(file.read_bytes()):
        found = f"the record at {name} has another key, so signatures fail"
        return Finding("DKIM", subject, severity, found, "the key on disk", SITE)
    return Finding("DKIM", subject, OK, f"{tags.get('k', 'rsa')}, published")


def public(data: bytes) -> str:
    """Return the p= of a key file: RSA in PEM, or the seed of Ed25519 in base64 (RFC 8463)."""
    if data.startswith(b"-----BEGIN"):
        key: Any = load_pem_private_key(data, None)
        found = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        seed = base64.b64decode(data)[:32]
        found = (
            Ed25519PrivateKey.from_private_bytes(seed)
            .public_key()
            .public_bytes(Encoding.Raw, PublicFormat.Raw)
        )
    return base64.b64encode(found).decode()
