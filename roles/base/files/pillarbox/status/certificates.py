# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates in service, and the ring of their keys."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pillarbox.certificates.lifetimes import renewal_margin
from pillarbox.status.ask import output_of
from pillarbox.status.finding import ATTENTION, OK, Finding, at, counted, day, quoted, since
from pillarbox.status.parts import Parts

DAY = 86400
# Seconds after which all name servers should have the records of a new key, and a due renewal
# should have succeeded: the timer runs every six hours, and retries a day after a failure.
PATIENCE = DAY
RENEW = "pillarbox certificates renew"


class Leaf(NamedTuple):
    """A certificate in service."""

    begin: float
    end: float
    issuer: str


def look(parts: Parts, now: float) -> list[Finding]:
    """Check the certificate of each algorithm."""
    config = parts.get("acme_sh")
    if not config:
        return []
    ring = Path(config["tls_dir"])
    memory = ring / "ring.json"
    remembered = json.loads(memory.read_bytes()) if memory.exists() else {}
    found = []
    for algorithm in config["algorithms"]:
        if leaf := in_service(ring / f"{algorithm}.pem"):
            advice = remembered.get("advice", {}).get(algorithm, {})
            found.append(served(algorithm, leaf, advice, config, now))
        else:
            key = ring / f"{algorithm}-current.key"
            if key.exists():
                found.append(waiting(algorithm, remembered, key.stat().st_mtime, now))
            else:
                remedy = "restore it from a backup, or run site.yml, which generates another"
                found.append(Finding("certificates", algorithm, ATTENTION, "no key", remedy))
    return [*found, *coming(remembered, now), *failures(remembered, now)]


def in_service(file: Path) -> Leaf | None:
    """Return the certificate in a file. Raises Unanswered."""
    # Until there is one, the file is empty, or a link to that of another algorithm.
    if file.exists() and not file.is_symlink() and file.stat().st_size:
        return read(output_of("openssl", "x509", "-in", str(file), "-noout", *ASKED))
    return None


ASKED = ("-startdate", "-enddate", "-dateopt", "iso_8601", "-issuer", "-nameopt", "multiline,utf8")


def read(printed: str) -> Leaf:
    """Parse the output of "openssl x509"."""
    fields = {}
    for line in printed.splitlines():
        name, _sign, value = line.partition("=")
        fields[name.strip()] = value.strip()
    names = [fields.get(key) for key in ("organizationName", "commonName")]
    issuer = " ".join(filter(None, names))
    return Leaf(moment(fields["notBefore"]), moment(fields["notAfter"]), issuer)


def moment(text: str) -> float:
    """Parse a time in ISO 8601 with its zone."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def due(leaf: Leaf, advice: dict[str, str], renew_days: int) -> float:
    """Return when a certificate is due for renewal, as "pillarbox certificates" decides it."""
    margin = renewal_margin(timedelta(seconds=leaf.end - leaf.begin), renew_days)
    advised = moment(advice["renew"]) if "renew" in advice else leaf.end
    return min(leaf.end - margin.total_seconds(), advised)


def served(
    algorithm: str, leaf: Leaf, advice: dict[str, str], config: dict[str, Any], now: float
) -> Finding:
    """Check a certificate in service."""
    renewal = due(leaf, advice, config["renew_days"])
    if config["source"] == "files":
        remedy = "put a new certificate into mail_tls_provided, and run site.yml"
    else:
        remedy = RENEW
    if now >= leaf.end:
        text = f"expired {at(leaf.end, now)}, from {leaf.issuer}"
        return Finding("certificates", algorithm, ATTENTION, text, remedy)
    text = f"{counted(int((leaf.end - now) // DAY), 'day')} left, "
    if now < renewal + PATIENCE:
        text += f"renewal {day(renewal)}, from {leaf.issuer}"
        return Finding("certificates", algorithm, OK, text)
    text += f"renewal overdue {since(renewal, now)}, from {leaf.issuer}"
    return Finding("certificates", algorithm, ATTENTION, text, remedy)


def waiting(algorithm: str, remembered: dict[str, Any], made: float, now: float) -> Finding:
    """Check a key without a certificate, which waits until senders can have its TLSA records."""
    opens = known_from(remembered)
    if opens is None:
        text = "no certificate yet; not all name servers have the TLSA records of its key"
    elif opens > now:
        text = f"its key waits until {clock(opens)}, when all caches have its TLSA records"
    else:
        text = f"no certificate yet; its key may be served {since(opens, now)}"
    if now < max(made, opens or 0) + PATIENCE:
        return Finding("certificates", algorithm, OK, text)
    return Finding(
        "certificates", algorithm, ATTENTION, text, "run site.yml, which reports the cause"
    )


def coming(remembered: dict[str, Any], now: float) -> list[Finding]:
    """Report the next keys as long as a rollover has to wait for their records."""
    opens = known_from(remembered)
    if opens is None or opens <= now:
        return []
    text = f"may be served from {clock(opens)} on, when all caches have their TLSA records"
    return [Finding("certificates", "next keys", OK, text)]


def known_from(remembered: dict[str, Any]) -> float | None:
    """Return when the newest keys may be served: two TTL after all name servers have them."""
    seen = remembered.get("seen", {}).values()
    if not seen:
        return None
    ttl: float = remembered["ttl"]["seconds"]
    return max(map(moment, seen)) + 2 * ttl


def clock(when: float) -> str:
    return datetime.fromtimestamp(when).strftime("%Y-%m-%d %H:%M")


def failures(remembered: dict[str, Any], now: float) -> list[Finding]:
    """Report the failure of the last run."""
    failure = remembered.get("failure")
    if not failure:
        return []
    text = f"failed {at(moment(failure['at']), now)}: {quoted(failure['why'], 400)}"
    remedy = f"fix the cause named above, then: {RENEW}"
    return [Finding("certificates", "renewal", ATTENTION, text, remedy)]
