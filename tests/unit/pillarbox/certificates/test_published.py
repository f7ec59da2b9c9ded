# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of name servers, by a BIND that acts as two: its view depends on the client."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import dns.query
import dns.resolver
import pytest

from pillarbox.certificates.pair import CertificateError, digest, key_spki
from pillarbox.certificates.published import (
    ask,
    is_everywhere,
    name_servers,
    published,
    why_unpinned,
)

from .chains import KEY, OTHER_KEY

GOOD, LATE, DOWN = "127.0.0.1", "127.0.0.2", "127.0.0.3"
KEYS = [key_spki(KEY), key_spki(OTHER_KEY)]
TLSA = [f"_25._tcp.mx 3600 TLSA 3 1 {kind} {digest(key, kind)}" for key in KEYS for kind in (1, 2)]
OLD = [record for record in TLSA if digest(KEYS[1]) not in record]
OLD = [record for record in OLD if digest(KEYS[1], 2) not in record]
# For each zone: its name servers, and the records on each of the two. None: not its zone.
ZONES: dict[str, tuple[list[str], list[str], list[str] | None]] = {
    "well.example": ([GOOD, LATE], TLSA, TLSA),
    "lagging.example": ([GOOD, LATE], TLSA, OLD),
    "lame.example": ([GOOD, LATE], TLSA, None),
    "down.example": ([GOOD, DOWN], TLSA, []),
    "bare.example": ([GOOD, LATE], [], []),
    "half.example": ([GOOD, LATE], TLSA, []),
    "alias.example": (
        [GOOD],
        ["_25._tcp.mx CNAME tlsa.mx", *(line.replace("_25._tcp", "tlsa") for line in TLSA)],
        [],
    ),
    "elsewhere.example": ([GOOD], ["_25._tcp.mx CNAME tlsa.example.net."], []),
    "uneven.example": ([GOOD], [line for line in TLSA if digest(KEYS[1], 2) not in line], []),
    "full.example": ([GOOD], [*TLSA, f"_25._tcp.mx TLSA 3 1 0 {KEYS[0].hex()}"], []),
    "foreign.example": ([GOOD], [f"_25._tcp.mx TLSA 2 1 1 {digest(KEYS[0])}"], []),
    "guest.example": ([GOOD], [*TLSA, f"_25._tcp.mx TLSA 2 1 1 {digest(b'a CA')}"], []),
}
OPTIONS = """\
controls {{ }};
options {{
  directory "{directory}";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ {good}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
}};
"""


def zone_text(addresses: list[str], records: list[str]) -> str:
    lines = ["$TTL 300", "@ SOA ns1 hostmaster 1 3600 3600 86400 60", "mx A 192.0.2.1"]
    for number, address in enumerate(addresses):
        lines += [f"@ NS ns{number}", f"ns{number} A {address}"]
    return "\n".join([*lines, *records, ""])


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of the name servers."""
    named = shutil.which("named", path=f"{os.environ['PATH']}:/usr/sbin")
    if not named:
        pytest.skip("named is not installed (Debian: bind9)")
    directory = tmp_path_factory.mktemp("named")
    with socket.socket() as probe:
        probe.bind((GOOD, 0))
        port: int = probe.getsockname()[1]
    text = OPTIONS.format(directory=directory, port=port, good=GOOD)
    for number, address in enumerate((GOOD, LATE)):
        text += f'view "{number}" {{ match-clients {{ {address}; }};\n'
        for zone, (addresses, *servers) in ZONES.items():
            records = servers[number]
            if records is not None:
                (directory / f"{zone}.{number}").write_text(zone_text(addresses, records))
                text += f'zone "{zone}" {{ type primary; file "{zone}.{number}"; }};\n'
        text += "};\n"
    (directory / "named.conf").write_text(text)
    log = directory / "log"
    command = [named, "-g", "-n", "1", "-c", str(directory / "named.conf")]
    with log.open("wb") as stream, subprocess.Popen(command, stderr=stream) as server:
        try:
            deadline = time.monotonic() + 10
            while b"running\n" not in log.read_bytes():
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            yield port
        finally:
            server.terminate()


@pytest.fixture(autouse=True)
def own_dns(bind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirect queries to the resolver and to all name servers to the test's own port."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [GOOD], bind
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    real = dns.query.udp_with_fallback

    def ask(query: Any, address: str, timeout: float) -> Any:
        # BIND listens only at the address that the loopback interface really has.
        where = DOWN if address == DOWN else GOOD
        return real(query, where, timeout, port=bind, source=address)

    monkeypatch.setattr(dns.query, "udp_with_fallback", ask)
    monkeypatch.setattr("pillarbox.certificates.published.TIMEOUT", 0.3)


def test_finds_the_name_servers_of_a_host() -> None:
    assert name_servers("mx.lagging.example") == {
        "ns0.lagging.example.": [GOOD],
        "ns1.lagging.example.": [LATE],
    }


def test_all_servers_are_asked_for_all_ports() -> None:
    answers = published("mx.well.example", [25, 465])
    assert [(each.server, each.name, each.ttl) for each in answers] == [
        (f"ns{number}.well.example.", f"_{port}._tcp.mx.well.example", ttl)
        for number in (0, 1)
        for port, ttl in ((25, 3600), (465, 0))
    ]
    assert answers[0].digests == {
        kind: frozenset(digest(key, kind) for key in KEYS) for kind in (1, 2)
    }
    assert answers[1].digests == {}


def test_without_ports_nobody_is_asked() -> None:
    assert published("mx.nowhere.example", []) == []


@pytest.mark.parametrize(
    ("zone", "first", "second", "everywhere"),
    [
        ("well.example", None, None, [True, True]),
        ("lagging.example", None, "ns1.lagging.example. serves TLSA", [True, False]),
        ("bare.example", None, None, [False, False]),
        ("half.example", None, None, [False, False]),
        ("alias.example", None, None, [True, True]),
        # A sender that supports SHA-512 uses only that.
        ("uneven.example", None, "ns0.uneven.example. serves TLSA", [True, False]),
        # Edited by hand.
        ("full.example", "ns0.full.example. serves", "ns0.full.example. serves", [False, False]),
        ("foreign.example", "ns0.foreign", "ns0.foreign", [False, False]),
        ("guest.example", None, None, [True, True]),
    ],
)
def test_a_key_is_pinned_where_each_server_has_it_under_each_type(
    zone: str, first: str | None, second: str | None, everywhere: list[bool]
) -> None:
    answers = published(f"mx.{zone}", [25])
    for key, reason in zip(KEYS, (first, second), strict=True):
        unpinned = why_unpinned(answers, key)
        assert unpinned is None if reason is None else str(unpinned).startswith(reason)
    assert [is_everywhere(answers, key) for key in KEYS] == everywhere


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        (
            "down.example",
            r"ns1\.down\.example\. does not answer for _25\._tcp\.mx\.down.*timed out",
        ),
        ("lame.example", r"ns1\.lame\.example\. is not authoritative for .*; check its"),
        ("elsewhere.example", r"ns0\.elsewhere\.example\. has a CNAME at _25.* leads to no TLSA"),
        (
            "nowhere.invalid",
            r"the name servers of mx\.nowhere\.invalid cannot be found: .*resolver",
        ),
    ],
)
def test_what_cannot_be_known_is_told(zone: str, message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        published(f"mx.{zone}", [25])


def test_an_address_that_this_host_cannot_reach_is_left_out() -> None:
    (answer,) = ask("ns", [DOWN, GOOD], "_25._tcp.mx.well.example")
    assert answer.pins(KEYS[0])
    with pytest.raises(CertificateError, match="it has no address"):
        ask("ns", [], "_25._tcp.mx.well.example")
