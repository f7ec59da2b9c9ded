# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SRV records by which mail programs find the services (RFC 6186)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from pillarbox.check.each import each
from pillarbox.check.finding import OK, WARNING, Finding
from pillarbox.check.settings import Settings, ask

# The services whose ports are those of this host.
SERVICES = ("submissions", "submission", "imaps", "pop3s", "sieve")


def services(settings: Settings) -> Iterator[Finding]:
    """Check that the records lead to ports that are served here."""
    names = [f"_{service}._tcp.{domain}" for domain, service in product(settings.domains, SERVICES)]
    return each("SRV", names, lambda name: _service(settings, name))


def _service(settings: Settings, name: str) -> Finding | None:
    records = [
        (str(record.target).rstrip(".").lower(), int(record.port))
        for record in ask(name, "SRV").records
    ]
    # A target of "." says that there is no such service.
    if not records or records == [("", 0)]:
        return None
    found = ", ".join(f"{host}, port {port}" for host, port in records)
    if all(host == settings.hostname and port in settings.base["ports"] for host, port in records):
        return Finding("SRV", name, OK, found)
    wanted = f"{settings.hostname} with one of its ports"
    return Finding("SRV", name, WARNING, found, wanted, settings.publish)
