# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predict the report of the renewal program of role acme_sh on a host where it cannot run yet.

Check mode needs this for restored hosts, which have certificates but no packages, and for those
that lost a package. The program itself needs python3-cryptography and python3-dnspython.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.libcrypto import (
    LibcryptoError,
    certificate,
    private_key,
)

LIBRARIES = ("cryptography", "dns")
BEGIN = b"-----BEGIN CERTIFICATE-----"


def can_run(program: str) -> bool:
    """Whether the program and the libraries that it needs are installed."""
    return Path(program).exists() and all(importlib.util.find_spec(name) for name in LIBRARIES)


def paired(ring: str) -> list[str]:
    """Return the algorithms that have their own key and certificate.

    The file of an algorithm that waits for its first certificate is empty, or a link to another's.
    """
    files = {name: Path(ring, f"{name}.pem") for name in ("ecdsa", "rsa")}
    return [
        name
        for name, file in files.items()
        if file.is_file() and not file.is_symlink() and file.stat().st_size
    ]


def predict(config: dict[str, Any]) -> dict[str, Any]:
    """Return the report of "renew --check", without querying any name server."""
    ring = Path(config["tls_dir"])
    due: dict[str, str] = {}
    waiting: dict[str, str] = {}
    there = paired(config["tls_dir"])
    for algorithm in config["algorithms"]:
        if reason := _why_due(ring, algorithm, config, there):
            added = bool(there) and algorithm not in there
            new = added or _is_provided(ring, algorithm, config)
            (waiting if new else due)[algorithm] = reason
    served = ["first.pem", "last.pem", *(f"{name}.pem" for name in config["algorithms"])]
    missing = [name for name in served if not (ring / name).exists()]
    return {"due": due, "issued": [], "waiting": waiting, "warnings": [], "missing": missing}


def _is_provided(ring: Path, algorithm: str, config: dict[str, Any]) -> bool:
    """Whether a key that the user provided is to replace the one in use."""
    return config["source"] == "files" and (ring / f"{algorithm}-next.key").exists()


def _why_due(ring: Path, algorithm: str, config: dict[str, Any], there: list[str]) -> str | None:
    if algorithm not in there:
        return "there is no certificate yet"
    role = "next" if _is_provided(ring, algorithm, config) else "current"
    try:
        pair = (ring / f"{algorithm}.pem").read_bytes()
        leaf = certificate(pair, config["names"])
        key = private_key((ring / f"{algorithm}-{role}.key").read_bytes())
    except (LibcryptoError, OSError) as error:
        return f"the certificate in service or its key cannot be read ({error})"
    if leaf.spki != key.spki:
        return "the certificate in service is for another key"
    if missing := [name for name in config["names"] if name not in leaf.names]:
        return f"the certificate in service is not for {', '.join(missing)}"
    if leaf.left < min(timedelta(days=config["renew_days"]), leaf.life / 3):
        return f"the certificate in service expires in {leaf.left.days} days"
    if (issued := _issuer(ring, algorithm)) not in (None, config["issuer"]):
        return f"the certificate in service is from {issued}, not from {config['issuer']}"
    chain = config["chains"].get(algorithm)
    if chain and chain != hashlib.sha256(pair[pair.find(BEGIN) :]).hexdigest():
        return "another chain was provided"
    return None


def _issuer(ring: Path, algorithm: str) -> str | None:
    try:
        memory = json.loads((ring / "ring.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    issuer: str | None = memory.get("issued", {}).get(algorithm)
    return issuer
