# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pillarbox.certificates.pair import CertificateError, digest, key_spki
from pillarbox.certificates.published import Answer
from pillarbox.certificates.ring import Ring, now
from pillarbox.files import replace

from .chains import KEYS, certificate

CURRENT, NEXT = (KEYS["ecdsa", role] for role in ("current", "next"))


def name(key: bytes) -> str:
    return digest(key_spki(key))


def answer(*keys: bytes, ttl: int = 3600, server: str = "ns1.example.org.") -> Answer:
    """Return TLSA records for these keys."""
    digests = {
        kind: frozenset(digest(key_spki(key), kind) for key in keys)
        for kind in ((1, 2) if keys else ())
    }
    return Answer(server, "_25._tcp.mx.example.org", digests, ttl if keys else 0)


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    for role, key in (("current", CURRENT), ("next", NEXT)):
        (tmp_path / f"ecdsa-{role}.key").write_bytes(key)
    return Ring(str(tmp_path))


def earlier(seconds: float) -> str:
    return (now() - timedelta(seconds=seconds)).isoformat()


def test_what_is_remembered_is_there_for_the_next_run(ring: Ring) -> None:
    since = earlier(7)
    ring.observe(["ecdsa"], [answer(CURRENT, NEXT)])
    ring.retire("ecdsa", since)
    ring.memory.issued["ecdsa"] = "https://ca.example/directory"
    ring.memory.answering = [(25, "ecdsa")]
    ring.memory.failure = {"at": earlier(1), "why": "the CA is down"}
    ring.remember()
    again = Ring(str(ring.directory)).memory
    assert json.dumps(vars(again)) == json.dumps(vars(ring.memory))
    assert again.seen.keys() == {name(CURRENT), name(NEXT)}
    assert again.retired == {name(CURRENT): since}


def test_what_did_not_change_is_not_written(ring: Ring) -> None:
    ring.remember()
    before = ring.memory_file.stat().st_ino
    ring.remember()
    assert ring.memory_file.stat().st_ino == before


def test_the_next_key_becomes_the_current_one(ring: Ring) -> None:
    ring.advance("ecdsa")
    assert ring.key("ecdsa", "current") == NEXT
    assert ring.key("ecdsa", "previous") == CURRENT
    assert Ring(str(ring.directory)).memory.retired.keys() == {name(CURRENT)}
    with pytest.raises(CertificateError, match="ecdsa-next.key: is missing; run site.yml"):
        ring.spki("ecdsa", "next")


def test_a_key_that_is_retired_already_keeps_its_date(ring: Ring) -> None:
    ring.retire("ecdsa", "1970-01-01T00:00:00+00:00")
    ring.advance("ecdsa")
    assert ring.memory.retired == {name(CURRENT): "1970-01-01T00:00:00+00:00"}


def test_knows_which_key_is_served(ring: Ring) -> None:
    assert not ring.serves("ecdsa", "current")
    replace(ring.served_file("ecdsa"), NEXT + certificate(NEXT))
    assert [ring.serves("ecdsa", role) for role in ("previous", "current", "next")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ([answer(CURRENT, NEXT), answer(CURRENT, NEXT, server="ns2")], [CURRENT, NEXT]),
        ([answer(CURRENT, NEXT), answer(CURRENT, server="ns2")], [CURRENT]),
        ([answer(CURRENT, NEXT), answer(server="ns2")], []),
        # TLSA is off.
        ([], []),
    ],
)
def test_a_key_is_seen_when_each_server_has_it(
    ring: Ring, answers: list[Answer], seen: list[bytes]
) -> None:
    ring.observe(["ecdsa"], answers)
    assert ring.memory.seen.keys() == {name(key) for key in seen}


def test_a_key_that_was_gone_from_a_server_is_seen_anew(ring: Ring) -> None:
    since = earlier(9)
    ring.memory.seen = {name(CURRENT): since, name(NEXT): since}
    ring.observe(["ecdsa"], [answer(CURRENT)])
    ring.observe(["ecdsa"], [answer(CURRENT, NEXT)])
    assert ring.memory.seen[name(CURRENT)] == since
    assert ring.memory.seen[name(NEXT)] > since


@pytest.mark.parametrize(
    ("known", "longest"),
    [
        (None, 300),
        ((60, 1), 300),
        # Caches may use the former, longer TTL, until it has passed twice.
        ((3600, 7100), 3600),
        ((3600, 7201), 300),
    ],
)
def test_the_longest_ttl_counts(ring: Ring, known: tuple[int, int] | None, longest: int) -> None:
    if known:
        ring.memory.ttl = {"seconds": known[0], "since": earlier(known[1])}
    ring.observe(["ecdsa"], [answer(CURRENT, NEXT, ttl=300), answer(CURRENT, ttl=200)])
    assert ring.memory.ttl["seconds"] == longest
    if longest == 300:
        assert ring.memory.ttl["since"] > earlier(5)


def test_a_key_may_be_served_two_ttl_after_it_was_seen(ring: Ring) -> None:
    assert ring.opens("ecdsa", "next") is None
    ring.memory.seen = {name(NEXT): earlier(100)}
    ring.memory.ttl = {"seconds": 60, "since": earlier(100)}
    opens = ring.opens("ecdsa", "next")
    assert opens and 18 <= (opens - now()).total_seconds() <= 20


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_a_damaged_memory_is_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "ring.json").write_text(text)
    with pytest.raises(CertificateError, match="ring.json is damaged: restore it"):
        Ring(str(tmp_path))
