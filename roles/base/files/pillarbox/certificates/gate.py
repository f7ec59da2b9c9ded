# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a key may be served: senders must find it in every copy of the TLSA records."""

from __future__ import annotations

from typing import Any

from pillarbox.certificates.pair import CertificateError, digest, leaf_of, left, validity
from pillarbox.certificates.published import Answer, published, why_unpinned
from pillarbox.certificates.ring import Ring, now

# Seconds in which all name servers have the records of a new key; after that somebody must look.
PATIENCE = 86400


class Gate:
    """What the name servers say at this moment, and what that means for the keys of a ring."""

    def __init__(self, ring: Ring, config: dict[str, Any]) -> None:
        self.ring = ring
        self.algorithms: list[str] = config["algorithms"]
        self.answers: list[Answer] = []
        self.unknown: str | None = None
        try:
            self.answers = published(config["names"][0], config["tlsa_ports"])
        except CertificateError as error:
            self.unknown = str(error)
        else:
            ring.observe(self.algorithms, self.answers)

    def why_closed(self, algorithm: str, role: str) -> str | None:
        """Say why the key in a role must not be put in service, or None when it may."""
        if self.unknown:
            return self.unknown
        spki = self.ring.spki(algorithm, role)
        unpinned = why_unpinned(self.answers, spki)
        if unpinned or self._is_no_news(algorithm, role):
            return unpinned
        opens = self.ring.opens(algorithm, role)
        if opens is None:
            return (
                f"not all name servers serve TLSA records for the {role} {algorithm} key "
                f"{digest(spki)} yet; run site.yml, which publishes them"
            )
        if opens > now():
            return (
                f"senders may still know TLSA records without the {role} {algorithm} key; it may "
                f"be served from {opens:%Y-%m-%d %H:%M:%S} UTC on, in {opens - now()}"
            )
        return None

    def _is_no_news(self, algorithm: str, role: str) -> bool:
        """Whether no sender can know records by which it would refuse the key."""
        return self.ring.serves(algorithm, role) or not self.is_known()

    def is_known(self) -> bool:
        """Whether senders may know records of this host, by which they would refuse other keys."""
        published = bool(self.unknown) or any(answer.digests for answer in self.answers)
        return bool(self.ring.paired()) and published

    def is_overdue(self, algorithm: str, role: str) -> bool:
        """Whether a new key's records are still not everywhere when they should have been long.

        As long as it is a matter of time, nobody needs to hear of it.
        """
        made = self.ring.key_file(algorithm, role).stat().st_mtime
        missing = self.unknown or self.ring.opens(algorithm, role) is None
        return bool(missing) and now().timestamp() > made + PATIENCE

    def is_last_call(self, algorithm: str) -> bool:
        """Whether the certificate in service, for the same key, is in the last sixth of its life.

        A new certificate for the key that is served anyway cannot make matters worse for DANE, and
        to let the old one end would lock out all mail programs.
        """
        served = self.ring.served(algorithm)
        if served is None or not self.ring.serves(algorithm, "current"):
            return False
        begin, end = validity(leaf_of(served))
        return left(served) < (end - begin) / 6
