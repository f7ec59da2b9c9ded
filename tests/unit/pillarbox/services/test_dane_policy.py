# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations DANE verifies; tests/lab/default/ tests this with Postfix."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import dns.name
import dns.rdata
import pytest

from pillarbox import lookup
from pillarbox.services import dane_policy

DIGEST = "00" * 32
# Name and type: the records, "insecure" before them, "fails", or the name that it is an alias of.
DNS: dict[tuple[str, str], str] = {
    ("dane.example", "MX"): "10 mx.dane.example.",
    ("mx.dane.example", "A"): "192.0.2.1",
    ("_25._tcp.mx.dane.example", "TLSA"): f"3 1 1 {DIGEST}",
    ("_587._tcp.mx.dane.example", "TLSA"): f"3 1 1 {DIGEST}",
    ("mixed.example", "MX"): "10 mx.plain.example.|20 mx.dane.example.",
    ("halfdead.example", "MX"): "10 mx.dead.example.|20 mx.dane.example.",
    ("alias.example", "MX"): "10 alias.dane.example.",
    ("alias.dane.example", "A"): "=mx.dane.example.|192.0.2.1",
    ("six.example", "MX"): "10 mx.six.example.",
    ("mx.six.example", "AAAA"): "2001:db8::1",
    ("_25._tcp.mx.six.example", "TLSA"): f"2 0 1 {DIGEST}",
    ("plain.example", "MX"): "10 mx.plain.example.",
    ("mx.plain.example", "A"): "192.0.2.2",
    ("unsigned.example", "MX"): "insecure 10 mx.dane.example.",
    ("hosted.example", "MX"): "10 mx.hosted.example.",
    ("mx.hosted.example", "A"): "insecure 192.0.2.3",
    ("_25._tcp.mx.hosted.example", "TLSA"): f"3 1 1 {DIGEST}",
    ("pkix.example", "MX"): "10 mx.pkix.example.",
    ("mx.pkix.example", "A"): "192.0.2.4",
    ("_25._tcp.mx.pkix.example", "TLSA"): f"1 1 1 {DIGEST}",
    ("null.example", "MX"): "0 .",
    ("dead.example", "MX"): "10 mx.dead.example.",
    ("mx.dead.example", "A"): "fails",
    ("lost.example", "MX"): "fails",
}


def ask(name: dns.name.Name, rdtype: str) -> object:
    text = DNS.get((name.to_text(omit_final_dot=True), rdtype), "")
    if text == "fails":
        raise lookup.Unknown(f"{name} {rdtype}: SERVFAIL")
    secure = not text.startswith("insecure ")
    records = [record for record in text.removeprefix("insecure ").split("|") if record]
    if records and records[0].startswith("="):
        name = dns.name.from_text(records.pop(0)[1:])
    return lookup.Answer(name, [dns.rdata.from_text("IN", rdtype, r) for r in records], secure)


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dane_policy, "ask", ask)


@pytest.mark.parametrize(
    ("destination", "answer"),
    [
        ("dane.example", "OK dane-only"),
        # One server with TLSA records is enough; the others get no mail.
        ("mixed.example", "OK dane-only"),
        ("halfdead.example", "OK dane-only"),
        ("alias.example", "OK dane-only"),
        ("six.example", "OK dane-only"),
        # A server itself, and one without MX record.
        ("[mx.dane.example]:587", "OK dane-only"),
        ("[mx.dane.example]", "OK dane-only"),
        ("mx.dane.example", "OK dane-only"),
        ("[mx.dane.example]:465", "NOTFOUND "),
        ("[192.0.2.1]:25", "NOTFOUND "),
        ("[ipv6:2001:db8::1]:25", "NOTFOUND "),
        ("plain.example", "NOTFOUND "),
        # An attacker who forges the MX record would have TLSA records, too.
        ("unsigned.example", "NOTFOUND "),
        # Postfix does not look up TLSA records for an insecure address.
        ("hosted.example", "NOTFOUND "),
        ("pkix.example", "NOTFOUND "),
        ("null.example", "NOTFOUND "),
        ("nobody.example", "NOTFOUND "),
        # Postfix also queries the parents of a domain.
        (".dane.example", "NOTFOUND "),
        (f"{'a' * 64}.example", "NOTFOUND "),
        ("two..dots.example", "NOTFOUND "),
        ("dead.example", "TEMP mx.dead.example. A: SERVFAIL"),
        ("lost.example", "TEMP lost.example. MX: SERVFAIL"),
    ],
)
def test_a_destination_is_verified_if_a_server_of_its_has_tlsa_records(
    destination: str, answer: str
) -> None:
    assert dane_policy.answer(f"dane {destination}", "dane-only") == answer


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    with dane_policy.Server(("127.0.0.1", 0), dane_policy.Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            yield client
        server.shutdown()


def test_a_connection_serves_many_requests(connection: socket.socket) -> None:
    connection.sendall(b"17:dane dane.example,")
    assert connection.recv(100) == b"7:OK dane,"
    connection.sendall(b"18:dane plain.example,")
    assert connection.recv(100) == b"9:NOTFOUND ,"


@pytest.mark.parametrize("request_", [b"x", b":,", b"99999999:dane"])
def test_what_is_no_request_ends_the_connection(connection: socket.socket, request_: bytes) -> None:
    connection.sendall(request_)
    assert connection.recv(100) == b""
