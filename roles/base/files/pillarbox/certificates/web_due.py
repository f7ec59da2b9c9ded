# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which web names need a certificate, and which orders a run makes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pillarbox.certificates.lifetimes import delay_of, rest_after
from pillarbox.certificates.lookups import NOWHERE, Lookups
from pillarbox.certificates.pair import why_due
from pillarbox.certificates.ring import waited
from pillarbox.certificates.sites import Sites

# Orders in so many seconds, in whichever runs. Let's Encrypt accepts 300 of an account.
MOST, WINDOW = 250, 10800
# Sites whose names are looked up together.
BATCH = 50
NEVER = datetime.max.replace(tzinfo=UTC)


class Order(NamedTuple):
    """The names for which a site needs a certificate, and why."""

    names: list[str]
    why: str


class WebDue:
    """Which sites are due, by the settings, the clock, DNS and earlier failures."""

    def __init__(
        self, config: dict[str, Any], sites: Sites, asked: Collection[str], force: bool
    ) -> None:
        self.config = config
        self.sites = sites
        self.has_ca = config["source"] == "acme"
        self.asked, self.force = asked, force
        self.chosen = asked or list(sites.wanted)
        # How many sites have to wait for a later run.
        self.waiting = 0

    def locally(self) -> dict[str, str]:
        """Return the sites that need a self-signed certificate, and why."""
        due = {site: self._why_locally(site) for site in self.chosen}
        return {site: why for site, why in due.items() if why}

    def _why_locally(self, site: str) -> str | None:
        served = self.sites.served[site]
        if served and served.is_from_ca and self.has_ca:
            return None
        return self._why(site, self.sites.wanted[site])

    def _why(self, site: str, names: list[str]) -> str | None:
        pair = served.pair if (served := self.sites.served[site]) else None
        return why_due(pair, pair or b"", {**self.config, "names": names}, delay_of(site))

    def why_order(self, site: str, names: list[str]) -> str | None:
        """Return why the CA is to sign a certificate for these names now, None if it is not."""
        if not self.has_ca or not names or self._rests(site, self.sites.of(site)):
            return None
        return self._why_new(site, names) or ("renewal was forced" if self.force else None)

    def _why_new(self, site: str, names: list[str]) -> str | None:
        """Return what the certificate in service lacks, None if it is good."""
        served, issuer = self.sites.served[site], self.sites.of(site).get("issuer")
        if served and not served.is_from_ca:
            return "the certificate in service is self-signed"
        if served and issuer not in (None, self.config["issuer"]):
            return f"the certificate in service is from {issuer}, not from {self.config['issuer']}"
        return self._why(site, names)

    def forget_failures(self) -> None:
        """Forget the failures of orders that are not necessary any more."""
        for site, names in self.sites.wanted.items():
            if "failed" in self.sites.of(site) and not self._why_new(site, names):
                self.sites.forget_failure(site)

    def _rests(self, site: str, remembered: dict[str, Any]) -> bool:
        """Whether the last order failed so recently that the next has to wait."""
        if self.force or site in self.asked or "failed" not in remembered:
            return False
        return not waited(remembered["failed"], rest_after(remembered["tries"]).total_seconds())

    def orders(self, most: int, publishes: bool) -> dict[str, Order]:
        """Return the orders of this run.

        Args:
            most: their largest number.
            publishes: whether names that are not in DNS will be there at the time of the order.

        Raises:
            CertificateError: this host's resolver fails.
        """
        wanted, memory = self.sites.wanted, self.sites.memory
        sites = [site for site in self.chosen if self.why_order(site, wanted[site])]
        if not sites:
            return {}
        sites.sort(key=self._turn)
        memory.orders = [order for order in memory.orders if not waited(order, WINDOW)]
        most = max(0, min(most, MOST - len(memory.orders)))
        lookups = Lookups(self.config["names"][0])
        found: dict[str, Order] = {}
        while sites and len(found) < most and not lookups.is_over():
            batch, sites = sites[:BATCH], sites[BATCH:]
            strays = self._strays(lookups, batch, publishes)
            for site in batch:
                self.sites.note_strays(site, strays)
                names = [name for name in wanted[site] if name not in strays]
                if why := self.why_order(site, names):
                    found[site] = Order(names, why)
        now, later = list(found.items())[:most], list(found.items())[most:]
        self.waiting = len(sites) + len(later)
        return dict(now)

    def _strays(self, lookups: Lookups, batch: list[str], publishes: bool) -> dict[str, str]:
        """Return the names of these sites that do not lead to this host, and why."""
        found = lookups.strays(name for site in batch for name in self.sites.wanted[site])
        if not publishes:
            return found
        # An earlier run may have published some in vain, as in a zone that is not delegated yet.
        left_out = {name for site in batch for name in self.sites.of(site).get("strays", {})}
        return {name: why for name, why in found.items() if why != NOWHERE or name in left_out}

    def _turn(self, site: str) -> tuple[bool, int, datetime]:
        """Return a sort key: first those that never failed, and of these what expires first.

        Sites whose names lead nowhere or whose orders fail must not hold up others.
        """
        served, remembered = self.sites.served[site], self.sites.of(site)
        end = served.validity[1] if served and served.is_from_ca else NEVER
        return bool(remembered.get("strays")), remembered.get("tries", 0), end
