# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ring of keys on disk, the files in service, and their history.

ALGORITHM-current.key    the key in use
ALGORITHM-next.key       its successor, whose TLSA records are published long before it is used
ALGORITHM-previous.key   its predecessor, whose records stay until no cache misses the new ones
ALGORITHM.pem            in service: the key in use and its chain, so that a rename swaps both
first.pem, last.pem      links to the first and last of these: Dovecot and nginx need a pair
ring.json                Memory, as JSON
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from pillarbox.certificates.pair import CertificateError, digest, key_spki
from pillarbox.certificates.published import Answer, is_everywhere
from pillarbox.files import TEMPORARY, read, replace

EPOCH = "1970-01-01T00:00:00+00:00"
ALGORITHMS = ("ecdsa", "rsa")
ROLES = ("current", "next", "previous")
# Which of the pairs in service each link leads to.
LINKS = {"first.pem": 0, "last.pem": -1}


@dataclass
class Memory:
    """What the files do not show. Times are in ISO 8601 with zone, keys are identified by SHA-256.

    seen      since when all name servers have been serving the TLSA records of a key
    retired   since when a key is no longer in use
    ttl       the longest TTL, in seconds, that these records had; it applies until it has passed
              twice, since caches may still use it
    issued    the source of the certificate of each algorithm
    advice    of the CA, by algorithm: for which certificate, when to renew it, when to ask again;
              and the time of the last renewal
    answering the ports, with the algorithm, that were served when pairs were last swapped: a run
              that was killed may have left them without an answer
    failure   of the last run: when and why; None after a success
    """

    seen: dict[str, str] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)
    ttl: dict[str, Any] = field(default_factory=dict)
    issued: dict[str, str] = field(default_factory=dict)
    advice: dict[str, dict[str, str]] = field(default_factory=dict)
    answering: list[tuple[int, str]] = field(default_factory=list)
    failure: dict[str, str] | None = None


class Ring:
    """The keys in a directory; each method reads or changes one thing atomically."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self.memory_file = self.directory / "ring.json"
        try:
            remembered = dict(json.loads(read(self.memory_file) or b"{}"))
        except (TypeError, ValueError) as error:
            raise CertificateError(
                f"{self.memory_file} is damaged: restore it from a backup, or delete it; the next"
                " keys then wait for two TTLs again"
            ) from error
        # Ignore what a later version may have stored.
        known = {item.name for item in fields(Memory)}
        self.memory = Memory(**{key: remembered[key] for key in known & remembered.keys()})

    def key_file(self, algorithm: str, role: str) -> Path:
        return self.directory / f"{algorithm}-{role}.key"

    def key(self, algorithm: str, role: str) -> bytes:
        """Return a key in PEM. Raises CertificateError if it is missing."""
        pem = read(self.key_file(algorithm, role))
        if pem is None:
            raise CertificateError("is missing; run site.yml, which generates it")
        return pem

    def spki(self, algorithm: str, role: str) -> bytes:
        """Return what TLSA records pin of a key. Raises CertificateError if it is not usable."""
        try:
            return key_spki(self.key(algorithm, role))
        except CertificateError as error:
            raise CertificateError(f"{self.key_file(algorithm, role)}: {error}") from error

    def spkis(self) -> set[bytes]:
        """Return what TLSA records pin of each readable key and pair."""
        keys = [read(self.key_file(*slot)) for slot in product(ALGORITHMS, ROLES)]
        found = set()
        for pem in [*keys, *map(self.served, ALGORITHMS)]:
            with suppress(CertificateError):
                found.add(key_spki(pem or b""))
        return found

    def served_file(self, algorithm: str) -> Path:
        return self.directory / f"{algorithm}.pem"

    def served(self, algorithm: str) -> bytes | None:
        """Return the pair of an algorithm, None while it has none of its own."""
        file = self.served_file(algorithm)
        return None if file.is_symlink() else read(file) or None

    def paired(self) -> list[str]:
        """Return the algorithms with a pair of their own, even if no longer wanted."""
        return [algorithm for algorithm in ALGORITHMS if self.served(algorithm) is not None]

    def place(self, wanted: list[str], paired: list[str]) -> None:
        """Create each file that the daemons' configuration names, even for algorithms that wait.

        Postfix concatenates its files, so an empty one does no harm, nor does it as Dovecot's
        second. nginx accepts none, but the same pair twice. If no wanted algorithm has a pair yet,
        links keep the former pair in service.

        Args:
            wanted: the algorithms in the settings.
            paired: those whose pair stays. The first of them becomes Dovecot's first.
        """
        if not paired:
            for name in LINKS:
                (self.directory / name).unlink(missing_ok=True)
            return
        served = [algorithm for algorithm in wanted if algorithm in paired]
        for name, end in LINKS.items():
            self._link(name, f"{(served or paired)[end]}.pem")
        for algorithm in wanted:
            file = self.served_file(algorithm)
            if algorithm in paired:
                continue
            if not served:
                self._link(file.name, f"{paired[0]}.pem")
            elif file.is_symlink() or read(file) != b"":
                replace(file, b"")

    def _link(self, name: str, target: str) -> None:
        """Point a link to a file in the same directory, atomically (rename(2))."""
        link = self.directory / name
        if link.is_symlink() and os.readlink(link) == target:
            return
        temporary = self.directory / f"{TEMPORARY}{name}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, link)

    def missing(self, wanted: list[str]) -> list[str]:
        """Return the files in the daemons' configuration that do not exist yet."""
        names = [*LINKS, *(f"{algorithm}.pem" for algorithm in wanted)]
        return [name for name in names if not (self.directory / name).exists()]

    def serves(self, algorithm: str, role: str) -> bool:
        """Whether the key in a role is in service."""
        try:
            return key_spki(self.served(algorithm) or b"") == self.spki(algorithm, role)
        except CertificateError:
            return False

    def remember(self) -> None:
        content = json.dumps(vars(self.memory), indent=2).encode() + b"\n"
        if content != read(self.memory_file):
            replace(self.memory_file, content)

    def retire(self, algorithm: str, since: str) -> None:
        """Record since when the key in use is retired, unless that is recorded already."""
        name = digest(self.spki(algorithm, "current"))
        self.memory.retired.setdefault(name, since)
        self.remember()

    def advance(self, algorithm: str) -> None:
        """Make the next key the current one. There is a current key even if killed half-way."""
        self.retire(algorithm, now().isoformat())
        replace(self.key_file(algorithm, "previous"), self.key(algorithm, "current"))
        os.replace(self.key_file(algorithm, "next"), self.key_file(algorithm, "current"))

    def observe(self, algorithms: list[str], answers: list[Answer]) -> None:
        """Record for each key since when all name servers have its records."""
        longest = max((answer.ttl for answer in answers), default=0)
        known = self.memory.ttl
        if not known or longest >= known["seconds"] or waited(known["since"], 2 * known["seconds"]):
            self.memory.ttl = {"seconds": longest, "since": now().isoformat()}
        seen: dict[str, str] = {}
        for algorithm in algorithms:
            for role in ("current", "next"):
                if not self.key_file(algorithm, role).exists():
                    continue
                if is_everywhere(answers, spki := self.spki(algorithm, role)):
                    name = digest(spki)
                    seen[name] = self.memory.seen.get(name, now().isoformat())
        self.memory.seen = seen

    def opens(self, algorithm: str, role: str) -> datetime | None:
        """Return when a key may be served: two TTL after all name servers had its records.

        RFC 7671 section 8.1. None until all of them have the records.
        """
        seen = self.memory.seen.get(digest(self.spki(algorithm, role)))
        if seen is None:
            return None
        return datetime.fromisoformat(seen) + timedelta(seconds=2 * self.memory.ttl["seconds"])


def now() -> datetime:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def waited(since: str, seconds: float) -> bool:
    """Whether this many seconds have passed since a recorded time."""
    return now() >= datetime.fromisoformat(since) + timedelta(seconds=seconds)
