# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up which names lead to this host, since a CA looks there for the answer to a challenge."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

import dns.exception
import dns.name
import dns.resolver

from pillarbox.certificates.pair import CertificateError

# Seconds for each query, and for all names, however many there are and however slow their servers.
TIMEOUT = 5.0
PATIENCE = 60.0
AT_A_TIME = 32
NOWHERE = "is not in DNS"


class Lookups:
    """The addresses of names according to the host's own resolver, compared with the host's."""

    def __init__(self, hostname: str) -> None:
        """Look up the host. Raises CertificateError if that fails, since others would too."""
        self.hostname = hostname
        self.deadline = time.monotonic() + PATIENCE
        try:
            self.here = _addresses(hostname)
        except dns.exception.DNSException as error:
            raise CertificateError(
                f"{hostname} cannot be looked up: {reason(error)}; check this host's resolver"
            ) from error
        if not self.here:
            raise CertificateError(f"{hostname} has no address in DNS")

    def is_over(self) -> bool:
        """Whether the time for all names has passed."""
        return time.monotonic() > self.deadline

    def strays(self, names: Iterable[str]) -> dict[str, str]:
        """Return the names that do not lead to this host, and why."""
        pool = ThreadPoolExecutor(AT_A_TIME)
        asked = {name: pool.submit(_addresses, name) for name in names}
        wait(asked.values(), timeout=max(0.0, self.deadline - time.monotonic()))
        pool.shutdown(wait=False, cancel_futures=True)
        found = {name: self._why_stray(answer) for name, answer in asked.items()}
        return {name: why for name, why in found.items() if why}

    def _why_stray(self, answer: Future[set[str]]) -> str | None:
        if not answer.done() or answer.cancelled():
            return "there was no answer from DNS in time"
        try:
            addresses = answer.result()
        except dns.resolver.NXDOMAIN:
            return NOWHERE
        except dns.exception.DNSException as error:
            return f"cannot be looked up ({type(error).__name__})"
        # All of them: the CA picks one, and prefers IPv6.
        if elsewhere := sorted(addresses - self.here):
            return f"leads to {elsewhere[0]}"
        return None if addresses else NOWHERE


def reason(error: dns.exception.DNSException) -> str:
    """Return the reason in a few words; that of a timeout would list every attempt."""
    return "no answer in time" if isinstance(error, dns.exception.Timeout) else str(error)


def _addresses(name: str) -> set[str]:
    found: set[str] = set()
    for kind in ("A", "AAAA"):
        with suppress(dns.resolver.NoAnswer):
            answer = dns.resolver.resolve(dns.name.from_text(name), kind, lifetime=TIMEOUT)
            found |= {record.address for record in answer}
    return found
