# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the CA when to renew a certificate (ACME Renewal Information, RFC 9773).

A CA that has to revoke certificates, or to spread load, moves that time. The advice may come too
late or not at all, so it can only bring a renewal forward.
"""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import ssl
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from pillarbox.certificates.pair import CertificateError
from pillarbox.certificates.ring import now

# Seconds for the whole query, however slowly the server answers.
TIMEOUT = 15.0
LARGEST = 65536
# Between two queries, whatever the server asks for (section 4.3.2), and after an unanswered one.
SHORTEST, LONGEST, USUAL = timedelta(hours=1), timedelta(days=1), timedelta(hours=6)


@dataclass(frozen=True)
class Advice:
    """When to renew a certificate according to the CA, and when to ask again."""

    renew: datetime
    ask: datetime


def identifier(leaf: x509.Certificate) -> str:
    """Return the identifier of a certificate (section 4.1). Raises CertificateError without one."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound as error:
        raise CertificateError("has no authority key identifier") from error
    serial = leaf.serial_number
    # As in DER, where the first bit is the sign.
    parts = [
        found.value.key_identifier or b"",
        serial.to_bytes(serial.bit_length() // 8 + 1, "big"),
    ]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def ask(server: str, ca_bundle: str, name: str) -> Advice:
    """Ask the CA about a certificate. Raises CertificateError when there is no usable answer."""
    return within(TIMEOUT, lambda: _ask(server, ca_bundle, name))


def _ask(server: str, ca_bundle: str, name: str) -> Advice:
    context = ssl.create_default_context(cafile=ca_bundle or None)
    place = _get(server, context)[0].get("renewalInfo")
    if not isinstance(place, str) or not place.startswith("https://"):
        raise CertificateError(f"{server} offers no renewal information")
    answer, retry_after = _get(f"{place.rstrip('/')}/{name}", context)
    window = answer["suggestedWindow"]
    start, end = (datetime.fromisoformat(window[edge]) for edge in ("start", "end"))
    return Advice(pick(start, end, name), now() + pause(retry_after))


def _get(url: str, context: ssl.SSLContext) -> tuple[dict[str, Any], str]:
    request = urllib.request.Request(url, headers={"User-Agent": "pillarbox-certificates"})
    with urllib.request.urlopen(request, timeout=TIMEOUT, context=context) as response:
        content = json.loads(response.read(LARGEST))
        if not isinstance(content, dict):
            raise CertificateError(f"{url} is not a JSON object")
        return content, response.headers.get("Retry-After", "")


def pick(start: datetime, end: datetime, name: str) -> datetime:
    """Return a random time in the window, the same for each call (section 4.2).

    Raises CertificateError for an invalid window.
    """
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise CertificateError(f"{start} to {end} is not a valid window")
    chance = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") / 2**256
    return start + (end - start) * chance


def pause(retry_after: str) -> timedelta:
    """Return how long to wait before the next query, given a Retry-After in seconds, or none."""
    if not retry_after.isdecimal():
        return USUAL
    return min(max(timedelta(seconds=min(int(retry_after), 10**6)), SHORTEST), LONGEST)


def within(seconds: float, question: Callable[[], Advice]) -> Advice:
    """Run a query with a time limit. Raises CertificateError if there is no usable answer in time.

    The timeout of urllib applies to each read, and not to the lookup of the name.
    """
    answers: queue.Queue[Advice | Exception] = queue.Queue()

    def run() -> None:
        try:
            answers.put(question())
        # Whatever the server answers, it must not prevent a renewal.
        except Exception as error:
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise CertificateError(f"there was no answer in {seconds:.0f} s") from None
    if isinstance(answer, Exception):
        raise CertificateError(f"there was no usable answer ({answer!r})") from answer
    return answer
