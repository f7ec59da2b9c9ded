# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide when a key may be served: all cached TLSA records must include it."""

from __future__ import annotations

from typing import Any

from pillarbox.certificates.pair import CertificateError, digest, is_last_call, leaf_of
from pillarbox.certificates.published import Answer, published, why_unpinned
from pillarbox.certificates.ring import Ring, now

# Seconds after which all name servers should have the records of a new key.
PATIENCE = 86400


class Gate:
    """The TLSA records on the name servers now, and what they mean for the keys of a ring."""

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
        """Return why the key in a role must not go into service, or None if it may."""
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
                f"senders may still have cached TLSA records without the {role} {algorithm} key; "
                f"it may be served from {opens:%Y-%m-%d %H:%M:%S} UTC on, in {opens - now()}"
            )
        return None

    def _is_no_news(self, algorithm: str, role: str) -> bool:
        """Whether no sender can have records that would make it refuse the key."""
        return self.ring.serves(algorithm, role) or not self.is_known()

    def is_known(self) -> bool:
        """Whether senders may have records of this host that make them refuse other keys."""
        published = bool(self.unknown) or any(answer.digests for answer in self.answers)
        return bool(self.ring.paired()) and published

    def is_overdue(self, algorithm: str, role: str) -> bool:
        """Whether the records of a new key are missing from a name server for too long.

        Until then it is only a matter of time, and no failure is reported.
        """
        made = self.ring.key_file(algorithm, role).stat().st_mtime
        missing = self.unknown or self.ring.opens(algorithm, role) is None
        return bool(missing) and now().timestamp() > made + PATIENCE

    def is_last_call(self, algorithm: str) -> bool:
        """Whether the certificate in service, for the same key, is in its last sixth.

        A new certificate for a key that is in service anyway cannot make matters worse for DANE,
        while mail clients would reject an expired one.
        """
        served = self.ring.served(algorithm)
        if served is None or not self.ring.serves(algorithm, "current"):
            return False
        return is_last_call(leaf_of(served))
