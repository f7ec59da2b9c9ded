# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a key may be served, given the name servers' answers and ring.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pillarbox.certificates import gate
from pillarbox.certificates.gate import Gate
from pillarbox.certificates.pair import CertificateError
from pillarbox.certificates.published import Answer
from pillarbox.certificates.ring import Ring

from .chains import KEYS, certificate
from .test_ring import answer, earlier, name

CURRENT, NEXT = (KEYS["ecdsa", role] for role in ("current", "next"))
CONFIG: dict[str, Any] = {
    "algorithms": ["ecdsa"],
    "names": ["mx.example.org"],
    "tlsa_ports": [25],
}
# The records that the name servers of a host with a ring should serve.
BOTH = [answer(CURRENT, NEXT), answer(CURRENT, NEXT, server="ns2.example.org.")]


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    """Return the ring of a host that serves its current key."""
    for role, key in (("current", CURRENT), ("next", NEXT)):
        (tmp_path / f"ecdsa-{role}.key").write_bytes(key)
    (tmp_path / "ecdsa.pem").write_bytes(CURRENT + certificate(CURRENT))
    return Ring(str(tmp_path))


def why_closed(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, answers: list[Answer] | str, role: str
) -> str:
    """Return why the gate is closed, given the name servers' answers or an error."""

    def published(host: str, ports: list[int]) -> list[Answer]:
        assert (host, ports) == ("mx.example.org", [25])
        if isinstance(answers, str):
            raise CertificateError(answers)
        return answers

    monkeypatch.setattr(gate, "published", published)
    return Gate(ring, CONFIG).why_closed("ecdsa", role) or "open"


@pytest.mark.parametrize(
    ("answers", "role", "expected"),
    [
        # A renewal for the key in service.
        (BOTH, "current", "open"),
        ([], "current", "open"),
        ([answer()], "current", "open"),
        ([answer(NEXT)], "current", "ns1.example.org. serves TLSA records at _25._tcp.mx.exam"),
        ([*BOTH, answer(NEXT, server="ns3")], "current", "ns3 serves TLSA records at"),
        ("ns1 is down", "current", "ns1 is down"),
        # Another key, which was not seen in DNS before.
        (
            BOTH,
            "next",
            "senders may still have cached TLSA records without the next ecdsa key; it may be",
        ),
        ([answer(CURRENT)], "next", "ns1.example.org. serves TLSA records at"),
        ([BOTH[0], answer(CURRENT, server="ns2")], "next", "ns2 serves TLSA records at"),
        ([BOTH[0], answer(server="ns2")], "next", "not all name servers serve TLSA records for"),
        ("ns1 is down", "next", "ns1 is down"),
        # No records, so senders do not check.
        ([], "next", "open"),
        ([answer()], "next", "open"),
    ],
)
def test_the_name_servers_decide(
    ring: Ring,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Answer] | str,
    role: str,
    expected: str,
) -> None:
    assert why_closed(ring, monkeypatch, answers, role).startswith(expected)


@pytest.mark.parametrize(
    ("seen", "ttl", "is_open"),
    [
        (7100, 3600, False),
        (7201, 3600, True),
        # The TTL was longer before, and caches may still use it.
        (7201, 86400, False),
        (172900, 86400, True),
    ],
)
def test_two_ttl_must_pass(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, seen: int, ttl: int, is_open: bool
) -> None:
    ring.memory.seen = {name(CURRENT): earlier(200000), name(NEXT): earlier(seen)}
    ring.memory.ttl = {"seconds": ttl, "since": earlier(3600)}
    closed = why_closed(ring, monkeypatch, BOTH, "next")
    assert (closed == "open") is is_open
    if not is_open:
        assert "senders may still have cached" in closed and " UTC on, in " in closed


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (BOTH, "open"),
        ([answer()], "open"),
        ([answer(NEXT)], "ns1.example.org. serves TLSA records at"),
        ("there is no DNS", "there is no DNS"),
    ],
)
def test_a_new_host_has_no_senders_that_know_another_key(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, answers: list[Answer] | str, expected: str
) -> None:
    ring.served_file("ecdsa").unlink()
    assert why_closed(ring, monkeypatch, answers, "current").startswith(expected)


@pytest.mark.parametrize(
    ("pair", "last_call"),
    [
        (CURRENT + certificate(CURRENT, begin=-76, end=14), True),
        (CURRENT + certificate(CURRENT, begin=-74, end=16), False),
        (CURRENT + certificate(CURRENT, begin=-89, end=-1), True),
        (NEXT + certificate(NEXT, begin=-76, end=14), False),
        (None, False),
    ],
)
def test_the_last_call_is_for_a_new_certificate_of_the_served_key(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, pair: bytes | None, last_call: bool
) -> None:
    ring.served_file("ecdsa").unlink()
    if pair:
        ring.served_file("ecdsa").write_bytes(pair)
    monkeypatch.setattr(gate, "published", lambda host, ports: [])
    assert Gate(ring, CONFIG).is_last_call("ecdsa") is last_call
