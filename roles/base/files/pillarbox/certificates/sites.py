# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of web names on disk, one for each site, such as a mail domain.

SITE.pem    in service: the key and its chain, self-signed until a CA has signed one
state.json  Memory, as JSON

The web server reads SITE.pem as www-data, at each handshake. No TLSA record pins these keys.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509

from pillarbox.certificates.pair import (
    CertificateError,
    key_spki,
    leaf_of,
    names_of,
    spki,
    validity,
)
from pillarbox.certificates.ring import now
from pillarbox.files import TEMPORARY, read, replace

GROUP = "www-data"


class Served(NamedTuple):
    """A usable pair in service."""

    pair: bytes
    leaf: x509.Certificate
    is_from_ca: bool

    @property
    def names(self) -> set[str]:
        return names_of(self.leaf)

    @property
    def validity(self) -> tuple[datetime, datetime]:
        return validity(self.leaf)


@dataclass
class Memory:
    """What the files do not show, and what "pillarbox status" shows. Times are in ISO 8601.

    orders  the times of the last orders
    sites   by site, as far as known:
            issuer, begin, end   of the certificate in service, if a CA signed it
            failed, tries, why   if the last orders failed: when last, how many, and why
            strays               the names that were left out, and why
    """

    orders: list[str] = field(default_factory=list)
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)


class Sites:
    """The sites in the settings, and their pairs in a directory."""

    def __init__(self, directory: str, wanted: dict[str, list[str]]) -> None:
        self.directory = Path(directory)
        self.memory_file = self.directory / "state.json"
        self.wanted = wanted
        self.recall()
        self.served = {site: self.read(site) for site in wanted}

    def recall(self) -> None:
        """Read what is remembered. Raises CertificateError."""
        try:
            remembered = dict(json.loads(read(self.memory_file) or b"{}"))
        except (TypeError, ValueError) as error:
            raise CertificateError(
                f"{self.memory_file} is damaged: restore it from a backup, or delete it; only"
                " earlier failures are forgotten then"
            ) from error
        # Ignore what a later version may have stored.
        known = {item.name for item in fields(Memory)}
        self.memory = Memory(**{key: remembered[key] for key in known & remembered.keys()})

    def remember(self) -> None:
        content = json.dumps(vars(self.memory), indent=1).encode() + b"\n"
        if content != read(self.memory_file):
            replace(self.memory_file, content)

    def of(self, site: str) -> dict[str, Any]:
        """Return what is remembered of a site, to read or change."""
        return self.memory.sites.setdefault(site, {})

    def prepare(self) -> None:
        """Create the directory, and remove what a run that was killed left in it."""
        if not self.directory.exists():
            # Under another name at first: a run may be killed before the web server can read it.
            new = self.directory.with_name(f"{TEMPORARY}{self.directory.name}")
            new.mkdir(exist_ok=True)
            new.chmod(0o750)
            shutil.chown(new, group=GROUP)
            new.rename(self.directory)
        for left in self.directory.glob(f"{TEMPORARY}*"):
            left.unlink()

    def read(self, site: str) -> Served | None:
        """Return the pair in the file of a site, None if it is not usable."""
        pair = read(self.directory / f"{site}.pem") or b""
        try:
            leaf = leaf_of(pair)
            if spki(leaf.public_key()) == key_spki(pair):
                return Served(pair, leaf, leaf.issuer != leaf.subject)
        except CertificateError:
            pass
        return None

    def place(self, site: str, pair: bytes) -> None:
        """Put a pair in service, readable for the group of the directory."""
        replace(self.directory / f"{site}.pem", pair, os.stat(self.directory).st_gid)
        self.served[site] = self.read(site)

    def note_issued(self, site: str, issuer: str) -> None:
        """Remember that this CA has issued what is in service."""
        self.memory.sites[site] = {"issuer": issuer, "strays": self.of(site).get("strays", {})}
        self.note_validity(site, issuer)

    def note_validity(self, site: str, issuer: str) -> None:
        """Remember what is shown of the certificate in service.

        Not only when it is issued, as a run may be killed right after the rename.
        """
        served = self.served[site]
        remembered = self.of(site)
        if served and served.is_from_ca:
            begin, end = served.validity
            remembered.setdefault("issuer", issuer)
            remembered |= {"begin": begin.isoformat(), "end": end.isoformat()}
        else:
            for known in ("issuer", "begin", "end"):
                remembered.pop(known, None)

    def note_strays(self, site: str, strays: dict[str, str]) -> None:
        """Remember which names of a site are left out."""
        names = self.wanted[site]
        self.of(site)["strays"] = {name: strays[name] for name in names if name in strays}

    def note_failure(self, site: str, why: str) -> None:
        """Remember that an order failed."""
        remembered = self.of(site)
        tries = remembered.get("tries", 0) + 1
        remembered |= {"failed": now().isoformat(), "tries": tries, "why": why}

    def forget_failure(self, site: str) -> None:
        for known in ("failed", "tries", "why"):
            self.of(site).pop(known)
