# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Postfix verified a server: by DANE, by MTA-STS or by the administrator's policy.

Its log says only that the server was verified. DNS says how, which is asked when the log is read.
"""

from __future__ import annotations

import time
from functools import cache

from pillarbox.tls.traffic import DANE, MTA_STS, POLICY, VERIFIED

# Seconds for all questions of a reading, so that it ends even if DNS does not answer.
PATIENCE = 60.0


def by_dane(host: str, port: int) -> bool:
    """Whether DANE applies to a server. Raises lookup.Unknown."""
    # Imported only where mail was verified.
    import dns.name

    from pillarbox.services.dane_policy import has_tlsa

    return has_tlsa(dns.name.from_text(host), port)


def by_mta_sts(domain: str) -> bool:
    """Whether a domain has an MTA-STS policy (RFC 8461 section 3.1). Raises lookup.Unknown."""
    import dns.name

    from pillarbox.services.dane_policy import ask

    records = ask(dns.name.from_text(f"_mta-sts.{domain}"), "TXT").records
    return any(b"".join(record.strings).startswith(b"v=STSv1;") for record in records)


class Verification:
    """The answers of DNS, each asked for once."""

    def __init__(self, mta_sts: bool) -> None:
        """Take MTA-STS into account only if Postfix does."""
        self.by_dane = cache(by_dane)
        self.by_mta_sts = cache(by_mta_sts) if mta_sts else lambda domain: False
        self.spent = 0.0

    def of(self, domain: str, host: str, port: int) -> str:
        """Return how a server was verified for mail to a domain; VERIFIED if DNS fails."""
        from dns.exception import DNSException

        from pillarbox.lookup import Unknown

        if self.spent > PATIENCE:
            return VERIFIED
        start = time.monotonic()
        try:
            # In this order, as Postfix prefers DANE (RFC 8461 section 2).
            if self.by_dane(host, port):
                return DANE
            return MTA_STS if self.by_mta_sts(domain) else POLICY
        except (Unknown, DNSException):
            return VERIFIED
        finally:
            self.spent += time.monotonic() - start
