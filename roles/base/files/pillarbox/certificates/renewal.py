# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renew certificates and roll over keys, without ever serving a mismatched pair.

A certificate goes into service only if it matches its key and the host names, is valid now, and the
published TLSA records pin its key. If the daemons do not serve it afterwards, the former pair is
put back. A failure never uses up a key.
"""

from __future__ import annotations

from typing import Any

from pillarbox.certificates.due import Due
from pillarbox.certificates.gate import Gate
from pillarbox.certificates.pair import (
    CertificateError,
    TooEarly,
    digest,
    leaf_of,
    validity,
)
from pillarbox.certificates.ring import EPOCH, ROLES, Ring, now
from pillarbox.certificates.sources import obtain_pair
from pillarbox.certificates.swap import Swap


class Host:
    """The mail host, according to the configuration and the files in the ring's directory."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.algorithms: list[str] = config["algorithms"]
        self.ring = Ring(config["tls_dir"])
        self.due = Due(self.ring, config)
        self.swap = Swap(self.ring, self.algorithms, config["services"], config["names"][0])
        # For each algorithm, the digests of the keys that this run put out of and into service.
        self.rolled: dict[str, dict[str, str]] = {}

    def recover(self) -> None:
        """Complete or undo the swap of a run that was killed."""
        if self.swap.recover():
            self._settle()

    def renew(self, check: bool, force: bool) -> dict[str, Any]:
        """Obtain and serve each certificate that is due; with check, only report them.

        A key whose records may not be in all caches yet waits for a later run, which is no failure.

        Raises CertificateError for the first that failed, after all others went into service.
        """
        gate = Gate(self.ring, self.config)
        due: dict[str, str] = {}
        waiting: dict[str, str] = {}
        for algorithm in self.algorithms:
            if reason := self.due.why(algorithm, force):
                if why := self.due.why_waiting(gate, algorithm, check):
                    waiting[algorithm] = why
                else:
                    due[algorithm] = reason
        missing = self.ring.missing(self.algorithms)
        report: dict[str, Any] = {"due": due, "issued": [], "waiting": waiting, "warnings": []}
        report["missing"] = missing
        if check:
            return report
        self.ring.remember()
        self.ring.place(self.algorithms, self.ring.paired())
        closed = {name: gate.why_closed(name, self.due.role(name)) for name in due}
        pairs: dict[str, bytes] = {}
        failure: CertificateError | None = None
        for algorithm, why in closed.items():
            try:
                last_call = self.due.role(algorithm) == "current" and gate.is_last_call(algorithm)
                if why and not last_call:
                    raise CertificateError(why)
                pairs[algorithm] = self._pair(algorithm, self.due.role(algorithm))
            except CertificateError as error:
                failure = failure or error
            else:
                report["warnings"] += [why] if why else []
        self._serve(pairs)
        if failure:
            raise failure
        return {**report, "issued": list(pairs)}

    def roll(self, check: bool, compromised: bool) -> dict[str, Any]:
        """Put the next key of each algorithm in service; with check, only report whether it would.

        Raises CertificateError while senders may have records without them, unless compromised.
        """
        if self.config["source"] == "files":
            raise CertificateError(
                "with mail_tls_source=files a new key comes from the settings: add it to "
                "mail_tls_provided and run site.yml"
            )
        if self.rolled:
            # By recover(): a rollover was killed, and this run completed it.
            return {"rolled": self.rolled, "warnings": []}
        gate = Gate(self.ring, self.config)
        if not check:
            self.ring.remember()
        closed = [why for name in self.algorithms if (why := gate.why_closed(name, "next"))]
        if closed and not compromised:
            raise TooEarly(closed[0])
        rolled = {algorithm: self._digests(algorithm) for algorithm in self.algorithms}
        if not check:
            pairs = {name: self._pair(name, "next") for name in self.algorithms}
            if compromised:
                for algorithm in self.algorithms:
                    self.ring.retire(algorithm, EPOCH)
            self._serve(pairs)
        return {"rolled": rolled, "warnings": closed}

    def _digests(self, algorithm: str) -> dict[str, str]:
        return {role: digest(self.ring.spki(algorithm, role)) for role in ("current", "next")}

    def status(self) -> str:
        """Return the state of each key, as text."""
        lines = []
        for algorithm in self.algorithms:
            for role in ROLES:
                if self.ring.key_file(algorithm, role).exists():
                    lines.append(self._status(algorithm, role))
        failure = self.ring.memory.failure
        if failure:
            lines.append(f"the last run failed at {failure['at']}: {failure['why']}")
        return "\n".join(lines)

    def _status(self, algorithm: str, role: str) -> str:
        name = digest(self.ring.spki(algorithm, role))
        words = [f"{algorithm:5} {role:8} {name[:16]}"]
        served = self.ring.served(algorithm)
        if served and self.ring.serves(algorithm, role):
            words.append(f"served with a certificate until {validity(leaf_of(served))[1]:%Y-%m-%d}")
        if name in self.ring.memory.seen:
            words.append(f"on all name servers since {self.ring.memory.seen[name]}")
        opens = self.ring.opens(algorithm, role)
        if opens and (role == "next" or not served):
            words.append(f"may be served from {opens.isoformat()} on")
        if role == "previous" and name in self.ring.memory.retired:
            words.append(f"not in use since {self.ring.memory.retired[name]}")
        return ", ".join(words)

    def _pair(self, algorithm: str, role: str) -> bytes:
        """Return the key in a role with a chain for it. Raises CertificateError."""
        return obtain_pair(algorithm, self.ring.key(algorithm, role), self.config)

    def _serve(self, pairs: dict[str, bytes]) -> None:
        if pairs:
            self.swap.run(pairs)
            self._settle()
            self.ring.memory.issued.update(dict.fromkeys(pairs, self.config["issuer"]))
            for algorithm in pairs:
                self.ring.memory.advice[algorithm] = {"renewed": now().isoformat()}
            self.ring.remember()

    def _settle(self) -> None:
        """Update the ring to match what is served, and make that final."""
        for algorithm in self.algorithms:
            if self.ring.serves(algorithm, "next"):
                self.rolled[algorithm] = self._digests(algorithm)
                self.ring.advance(algorithm)
        self.swap.commit()
