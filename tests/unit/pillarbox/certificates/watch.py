# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For soak.py, a sender that validates DANE: watch.py DNS-PORT TTL PORT STARTTLS-PORT.

Compares what is served with every TLSA set that a cache may hold at that moment. Prints what does
not fit, and when it is terminated, how many samples there were and how many had no answer.
"""

from __future__ import annotations

import signal
import smtplib
import sys
import time
from typing import Any

import dns.exception
import dns.message
import dns.query
from cryptography import x509

from pillarbox.certificates import swap
from pillarbox.certificates.pair import digest, spki

NAME = "mx.example.org"


def published(port: int) -> frozenset[str] | None:
    """Return the SHA-256 in the TLSA records now, None if the name server does not answer."""
    query = dns.message.make_query(f"_25._tcp.{NAME}", "TLSA")
    try:
        response = dns.query.udp_with_fallback(query, "127.0.0.1", 0.2, port=port)[0]
    except (OSError, dns.exception.DNSException):
        return None
    records = [record for rrset in response.answer for record in rrset]
    return frozenset(record.cert.hex() for record in records if record.mtype == 1)


def main() -> None:
    dns_port, ttl, *ports = (int(word) for word in sys.argv[1:])
    swap.STARTTLS = (ports[1], 587)
    sets: list[tuple[float, frozenset[str]]] = []
    counts = {"samples": 0, "silent": 0}

    def stop(*_arguments: Any) -> None:
        print(f"{counts['samples']} {counts['silent']}", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        for port in ports:
            for algorithm in ("ecdsa", "rsa"):
                asked = time.monotonic()
                if (found := published(dns_port)) is not None:
                    sets.append((asked, found))
                # Records that were replaced a TTL ago have expired in all caches.
                ended = [number for number, old in enumerate(sets) if old[0] < asked - ttl]
                del sets[: ended[-1] if ended else 0]
                try:
                    der = swap.certificate_at(port, algorithm, NAME)
                except (OSError, smtplib.SMTPException):
                    counts["silent"] += 1
                    continue
                counts["samples"] += 1
                served = digest(spki(x509.load_der_x509_certificate(der).public_key()))
                if any(served not in known for when, known in sets):
                    print(f"OUTSIDE {algorithm} {served} at {port}", flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
