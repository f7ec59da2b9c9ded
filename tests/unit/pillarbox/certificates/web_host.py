# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with web names, its resolver, and a CA that refuses some of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pillarbox.certificates import lock, sources
from pillarbox.certificates.pair import CertificateError, leaf_of, names_of

from .chains import authority, issued, new_key
from .host import Host, Run
from .nameserver import NameServer

MX = "mx.example.org"
HERE = ["192.0.2.1", "2001:db8::1"]
CA = "https://ca.example/directory"


class WebHost:
    """The host. Its CA writes down the orders, and refuses names on a list."""

    def __init__(self, host: Host, resolver: NameServer, patch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.resolver = resolver
        self.directory = host.base / "web"
        self.directory.mkdir(0o750)
        self.written = host.base / "orders"
        self.refused: list[str] = []
        self.sites: dict[str, list[str]] = {}
        web = {"dir": str(self.directory), "webroot": str(host.base), "sites": self.sites}
        host.config |= {"web": web, "source": "acme", "issuer": CA}
        resolver.table[MX] = HERE
        patch.setattr(sources, "_acme", self.sign)
        patch.setattr(lock, "PAUSE", 0)
        self.add("example.org")

    def sign(self, _algorithm: str, key: bytes, config: dict[str, Any]) -> bytes:
        assert config["challenge"] == ["--webroot", str(self.host.base)]
        names: list[str] = config["names"]
        with self.written.open("a") as orders:
            print(*names, file=orders)
        if found := {*names} & {*self.refused}:
            raise CertificateError(f"{CA} issued no ecdsa certificate for {found.pop()}: not today")
        return issued(key, names=names) + authority()

    def add(self, *domains: str, leading_here: bool = True) -> None:
        for domain in domains:
            self.sites[domain] = [f"mta-sts.{domain}", f"autoconfig.{domain}"]
            if leading_here:
                self.resolver.table |= dict.fromkeys(self.sites[domain], HERE)

    def renew(self, *arguments: str, mail: bool = False) -> Run:
        return self.host.run("renew", *arguments, *([] if mail else ["web"]))

    def orders(self) -> list[str]:
        """Return the names of each order so far."""
        return self.written.read_text().splitlines() if self.written.exists() else []

    def file(self, site: str) -> Path:
        return self.directory / f"{site}.pem"

    def names(self, site: str) -> set[str]:
        """Return the names in the certificate in service, none if it is self-signed."""
        leaf = leaf_of(self.file(site).read_bytes())
        return names_of(leaf) if leaf.issuer != leaf.subject else set()

    def serve(self, site: str, begin: float, end: float) -> None:
        """Put a certificate from the CA in service that is valid for these days."""
        key = new_key()
        chain = issued(key, names=self.sites[site], begin=begin, end=end) + authority()
        self.file(site).write_bytes(key + chain)

    @property
    def state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.directory / "state.json").read_text())
        return content

    def let_pass(self, **time: float) -> None:
        """Date all that is remembered back."""
        state = self.state

        def earlier(moment: str) -> str:
            return (datetime.fromisoformat(moment) - timedelta(**time)).isoformat()

        state["orders"] = [earlier(order) for order in state["orders"]]
        for site in state["sites"].values():
            if "failed" in site:
                site["failed"] = earlier(site["failed"])
        (self.directory / "state.json").write_text(json.dumps(state))
