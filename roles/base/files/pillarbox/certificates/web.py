# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renew the certificates of web names, each site by itself: a failure concerns no other site.

Each site first gets a self-signed certificate, so that the web server has one. Then a CA signs one
for those of its names that lead to this host. With another source than a CA it stays self-signed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pillarbox.certificates.pair import CertificateError, is_last_call
from pillarbox.certificates.ring import now
from pillarbox.certificates.sites import Sites
from pillarbox.certificates.sources import obtain_pair
from pillarbox.certificates.web_due import Order, WebDue
from pillarbox.certificates.web_report import warnings

# Failures in a row after which a run makes no more orders, as the CA itself seems to fail.
ENOUGH = 5
# An order is mostly waiting for the CA.
AT_A_TIME = 4
# Seconds for an order.
PATIENCE = 180


class Web:
    """The web names of this host, according to the configuration."""

    def __init__(
        self, config: dict[str, Any], web: dict[str, Any], asked: Collection[str], force: bool
    ) -> None:
        """Read what is in service. Raises CertificateError.

        Args:
            config: the part of role acme_sh.
            web: the key "web" in it.
            asked: renew only these sites, even shortly after a failure; all sites if empty.
            force: renew also what is not due.
        """
        if unknown := [site for site in asked if site not in web["sites"]]:
            raise CertificateError(
                f"{unknown[0]} is not a site of this host; its sites are {', '.join(web['sites'])}"
            )
        bundle = ["--ca-bundle", config["ca_bundle"]] if config["ca_bundle"] else []
        self.config = {
            **config,
            "challenge": ["--webroot", web["webroot"], *bundle],
            "environment": {},
            "patience": min(config["patience"], PATIENCE),
        }
        # In check mode: whether a run publishes the names that are not in DNS.
        self.publishes: bool = web.get("publishes", False)
        self.sites = Sites(web["dir"], web["sites"])
        self.due = WebDue(self.config, self.sites, asked, force)

    def check(self, most: int) -> dict[str, Any]:
        """Return the report of a run that changes nothing. Raises CertificateError."""
        self.due.forget_failures()
        local, orders = self.due.locally(), self.due.orders(most, self.publishes)
        planned = {site: order.names for site, order in orders.items()}
        return self._report(local, orders, [], planned)

    def renew(self, most: int, give_way: Callable[[], None]) -> dict[str, Any]:
        """Renew what is due, and return a report.

        Args:
            most: the largest number of orders.
            give_way: called between orders, to let another run go first.

        Raises:
            CertificateError: this host's resolver fails.
        """
        self.sites.prepare()
        local = self.due.locally()
        for site in local:
            self.sites.place(site, self._pair(self.sites.wanted[site], "self_signed"))
        for site in self.sites.wanted:
            self.sites.note_validity(site, self.config["issuer"])
        self.due.forget_failures()
        orders = self.due.orders(most, publishes=False)
        self.sites.remember()
        issued, urgent = self._order(orders, give_way)
        report = self._report(local, orders, issued if self.due.has_ca else list(local), {})
        return {**report, "urgent": urgent}

    def _order(
        self, orders: dict[str, Order], give_way: Callable[[], None]
    ) -> tuple[list[str], list[str]]:
        """Make the orders; return the sites that succeeded, and why urgent ones failed.

        Urgent: a certificate from a CA that is in service expires soon.
        """
        issued: list[str] = []
        urgent: list[str] = []
        failed = 0
        left = list(orders.items())
        while left and failed < ENOUGH:
            group, left = left[:AT_A_TIME], left[AT_A_TIME:]
            if len(left) + len(group) < len(orders):
                give_way()
                self.sites.recall()
            for site, result in self._try(dict(group)).items():
                if isinstance(result, bytes):
                    failed = 0
                    issued.append(site)
                    self.sites.place(site, result)
                    self.sites.note_issued(site, self.config["issuer"])
                else:
                    failed += 1
                    self.sites.note_failure(site, str(result))
                    served = self.sites.served[site]
                    if served and served.is_from_ca and is_last_call(served.leaf):
                        urgent.append(str(result))
            self.sites.remember()
        self.due.waiting += len(left)
        return issued, urgent

    def _try(self, group: dict[str, Order]) -> dict[str, bytes | CertificateError]:
        """Make some orders at the same time; return the pair of each site, or why it has none."""
        for site in group:
            self.sites.served[site] = self.sites.read(site)
        # Another run may have ordered some meanwhile.
        names = {site: order.names for site, order in group.items()}
        names = {site: some for site, some in names.items() if self.due.why_order(site, some)}
        # Before the orders, which count even if this run is killed.
        self.sites.memory.orders += [now().isoformat()] * len(names)
        self.sites.remember()

        def attempt(some: list[str]) -> bytes | CertificateError:
            try:
                return self._pair(some, "acme")
            except CertificateError as error:
                return error

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return dict(zip(names, pool.map(attempt, names.values()), strict=True))

    def _pair(self, names: list[str], source: str) -> bytes:
        """Return a new key with a certificate from this source. Raises CertificateError."""
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        return obtain_pair("ecdsa", key, {**self.config, "names": names, "source": source})

    def _report(
        self,
        local: dict[str, str],
        orders: dict[str, Order],
        issued: list[str],
        planned: dict[str, list[str]],
    ) -> dict[str, Any]:
        return {
            "due": {**{site: order.why for site, order in orders.items()}, **local},
            "issued": issued,
            "warnings": warnings(vars(self.sites.memory), self.sites.wanted, self.due.waiting),
            "unserved": self._unserved(planned),
        }

    def _unserved(self, planned: dict[str, list[str]]) -> dict[str, list[str]]:
        """Return the names of each site that no valid certificate from the CA covers."""
        found = {}
        for site, names in self.sites.wanted.items():
            served = self.sites.served[site]
            covered: Collection[str] = planned.get(site, ())
            if not covered and self.due.has_ca and served and served.is_from_ca:
                covered = served.names if served.validity[1] > now() else ()
            if missing := [name for name in names if name not in covered]:
                found[site] = missing
        return found
