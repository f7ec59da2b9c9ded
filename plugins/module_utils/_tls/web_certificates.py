# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predict what the renewal program does for web names on a host where it cannot run yet.

As in certificates.py. It cannot look names up: those that were left out before are left out again,
and all others lead to this host.

This module util is PRIVATE to the collection.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.pillarbox.mail.plugins.module_utils._keys.libcrypto import (
    Certificate,
    LibcryptoError,
    certificate,
    private_key,
)

NONE_YET = "there is no certificate yet"


class Site(NamedTuple):
    """What is known of a site: its names, its certificate, and what the program remembers."""

    name: str
    wanted: list[str]
    leaf: Certificate | None
    remembered: dict[str, Any]

    @property
    def leading_here(self) -> list[str]:
        strays = self.remembered.get("strays", {})
        return [name for name in self.wanted if name not in strays]


def predict_web(config: dict[str, Any], web: dict[str, Any], most: int) -> dict[str, Any]:
    """Return what "renew --check web" reports, for at most so many orders."""
    directory = Path(web["dir"])
    remembered = _remembered(directory)
    sites = [
        Site(name, wanted, _leaf(directory / f"{name}.pem", wanted), remembered.get(name, {}))
        for name, wanted in web["sites"].items()
    ]
    local = {site.name: why for site in sites if (why := _why_locally(site, config))}
    orders = {site.name: why for site in sites if (why := _why_order(site, config))}
    orders = dict(list(orders.items())[:most])
    unserved = {
        site.name: missing
        for site in sites
        if (missing := _unserved(site, config, site.name in orders))
    }
    return {"due": {**orders, **local}, "unserved": unserved}


def _remembered(directory: Path) -> dict[str, Any]:
    try:
        memory = json.loads((directory / "state.json").read_text(encoding="utf-8"))
        sites: dict[str, Any] = memory["sites"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return sites


def _leaf(file: Path, names: list[str]) -> Certificate | None:
    try:
        pair = file.read_bytes()
        leaf = certificate(pair, names)
        return leaf if leaf.spki == private_key(pair).spki else None
    except (LibcryptoError, OSError):
        return None


def _why_locally(site: Site, config: dict[str, Any]) -> str | None:
    """Return why a self-signed certificate is due, None if it is not."""
    if site.leaf and config["source"] == "acme" and "issuer" in site.remembered:
        return None
    return _why_due(site, site.wanted, config)


def _why_order(site: Site, config: dict[str, Any]) -> str | None:
    """Return why the CA is to sign a certificate, None if it is not."""
    if config["source"] != "acme" or not site.leading_here or _rests(site.remembered):
        return None
    if site.leaf and "issuer" not in site.remembered:
        return "the certificate in service is self-signed"
    if site.leaf and (issuer := site.remembered["issuer"]) != config["issuer"]:
        return f"the certificate in service is from {issuer}, not from {config['issuer']}"
    return _why_due(site, site.leading_here, config)


def _why_due(site: Site, names: list[str], config: dict[str, Any]) -> str | None:
    leaf = site.leaf
    if leaf is None:
        return NONE_YET
    if missing := [name for name in names if name not in leaf.names]:
        return f"the certificate in service is not for {', '.join(missing)}"
    margin = min(timedelta(days=config["renew_days"]), leaf.life / 3) * (1 - delay_of(site.name))
    if leaf.left < margin:
        return f"the certificate in service expires in {leaf.left.days} days"
    return None


def delay_of(name: str) -> float:
    """Return by which part the margin of a site is shorter, as lifetimes.py of the program does."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**34


def _rests(remembered: dict[str, Any]) -> bool:
    """Whether the last order failed so recently that the next has to wait."""
    if "failed" not in remembered:
        return False
    rest = timedelta(hours=min(2 ** (remembered["tries"] - 1), 23))
    return datetime.now(UTC) < datetime.fromisoformat(remembered["failed"]) + rest


def _unserved(site: Site, config: dict[str, Any], ordered: bool) -> list[str]:
    """Return the names that no valid certificate from the CA will cover."""
    from_ca = config["source"] == "acme" and "issuer" in site.remembered
    if ordered:
        covered = set(site.leading_here)
    elif from_ca and site.leaf and site.leaf.left > timedelta(0):
        covered = set(site.leaf.names)
    else:
        covered = set()
    return [name for name in site.wanted if name not in covered]
