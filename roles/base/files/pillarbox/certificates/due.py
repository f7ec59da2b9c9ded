# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which certificates are due, which must wait, and why."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pillarbox.certificates import ari
from pillarbox.certificates.gate import Gate
from pillarbox.certificates.pair import CertificateError, leaf_of, validity, why_due
from pillarbox.certificates.ring import EPOCH, Ring, now, waited


class Due:
    """Which certificates of a ring are due, by the settings, the clock and the CA."""

    def __init__(self, ring: Ring, config: dict[str, Any]) -> None:
        self.ring = ring
        self.config = config

    def role(self, algorithm: str) -> str:
        """Return the role of the key to serve: a provided key is "next" until the gate opens."""
        provided = self.config["source"] == "files"
        return "next" if provided and self.ring.key_file(algorithm, "next").exists() else "current"

    def _is_new(self, algorithm: str) -> bool:
        """Whether the key to serve was never in service."""
        first = self.ring.served(algorithm) is None and bool(self.ring.paired())
        return first or self.role(algorithm) == "next"

    def why_waiting(self, gate: Gate, algorithm: str, check: bool) -> str | None:
        """Return why a new key must wait, or None if it may be served or waiting cannot help.

        A new key is that of an added algorithm, or one that the user provided.
        """
        role = self.role(algorithm)
        if not self._is_new(algorithm):
            return None
        if check and not self.ring.key_file(algorithm, role).exists():
            return f"the {algorithm} key is published first" if gate.is_known() else None
        why = gate.why_closed(algorithm, role)
        return None if why and gate.is_overdue(algorithm, role) else why

    def why(self, algorithm: str, force: bool) -> str | None:
        key_file = self.ring.key_file(algorithm, self.role(algorithm))
        if not key_file.exists():
            return "its key does not exist yet"
        reason = why_due(self.ring.served(algorithm), key_file.read_bytes(), self.config)
        issued = self.ring.memory.issued.get(algorithm)
        if reason is None and issued and issued != self.config["issuer"]:
            reason = (
                f"the certificate in service is from {issued}, not from {self.config['issuer']}"
            )
        if reason is None:
            reason = self._why_advised(algorithm)
        chain = self.config["chains"].get(algorithm)
        if reason is None and chain and chain != self._served_chain(algorithm):
            reason = "another chain was provided"
        if reason is None and force:
            reason = "renewal was forced"
        return reason

    def _why_advised(self, algorithm: str) -> str | None:
        """Return why the CA wants the certificate in service renewed, or None if it does not.

        At most once a day, in case the CA always asks for renewal.
        """
        served = self.ring.served(algorithm)
        if self.config["source"] != "acme" or served is None:
            return None
        advice = self.ring.memory.advice.setdefault(algorithm, {})
        if not waited(advice.get("renewed", EPOCH), 86400):
            return None
        with suppress(CertificateError):
            name = ari.identifier(leaf_of(served))
            if advice.get("certificate") != name:
                kept = {key: advice[key] for key in ("renewed",) if key in advice}
                advice = self.ring.memory.advice[algorithm] = {"certificate": name, **kept}
            if waited(advice.get("asked_until", EPOCH), 0):
                advice["asked_until"] = (now() + ari.USUAL).isoformat()
                answer = ari.ask(self.config["server"], self.config["ca_bundle"], name)
                advice["asked_until"] = answer.ask.isoformat()
                advice["renew"] = answer.renew.isoformat()
        renew = advice.get("renew")
        return f"its CA asks to renew it from {renew} on" if renew and waited(renew, 0) else None

    def _served_chain(self, algorithm: str) -> str:
        """Return the SHA-256 of the chain in service, to compare it with a provided one."""
        served, key = self.ring.served(algorithm) or b"", self.ring.key(algorithm, "current")
        return hashlib.sha256(served.removeprefix(key.rstrip(b"\n") + b"\n")).hexdigest()

    def rests(self) -> datetime | None:
        """Return until when the timer does not retry after a failure; None if it may run.

        This spares the CA, and whoever is notified of each failure. It lasts a day, or for
        short-lived certificates a 24th of their lifetime.
        """
        failure = self.ring.memory.failure
        if failure is None:
            return None
        try:
            leaves = [leaf_of(self.ring.served(name) or b"") for name in self.config["algorithms"]]
        except CertificateError:
            return None
        lives = [end - begin for begin, end in map(validity, leaves)]
        # The timer may fire a little earlier than the day before.
        rest = min(timedelta(days=1), *(life / 24 for life in lives)) * 0.9
        until = datetime.fromisoformat(failure["at"]) + rest
        return until if until > now() else None
