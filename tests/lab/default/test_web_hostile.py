# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server and clients that break the rules: nothing is leaked, and everybody else is served.

Floods of connections are in test_floods.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.lab import lab
from tests.lab.lab import HTTP, HTTPS, MX

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: mx.example.org\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
HEADERS, RST_STREAM, CONTINUATION = 1, 3, 9
# GET https://mx.example.org/ in HPACK, from its static table (RFC 7541 appendix A).
GET = b"\x82\x87\x84\x41" + bytes([len(MX)]) + MX.encode()


@contextmanager
def connected(
    port: int = HTTPS, name: str = MX, protocol: str = "http/1.1"
) -> Iterator[socket.socket]:
    with socket.create_connection((MX, port), 30) as plain:
        if port == HTTP:
            yield plain
            return
        context = lab.trusting_the_ca()
        context.set_alpn_protocols([protocol])
        with context.wrap_socket(plain, server_hostname=name) as secure:
            yield secure


def everything(connection: socket.socket) -> bytes:
    """Return what the server sends until it closes the connection."""
    answer = b""
    with suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
        while part := connection.recv(65536):
            answer += part
    return answer


def answers(request: bytes, port: int = HTTPS, name: str = MX) -> list[int]:
    """Return the status of each answer until the server closes the connection."""
    with connected(port, name) as connection:
        with suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            connection.sendall(request)
        lines = everything(connection).split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines]


def get(path: str, *fields: str, host: str = MX, close: bool = True) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *fields]
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode()


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def handshake(name: bytes) -> bytes:
    """Return the server's answer to a TLS 1.2 handshake that names any server, in any form."""
    server = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    # The server's name, X25519, and ECDSA and RSA-PSS with SHA-256.
    parts = {0: server, 10: b"\x00\x02\x00\x1d", 13: b"\x00\x04\x04\x03\x08\x04"}
    extensions = b"".join(struct.pack(">HH", kind, len(it)) + it for kind, it in parts.items())
    ciphers = b"\x00\x04\xc0\x2b\xc0\x2f\x01\x00"
    body = b"\x03\x03" + bytes(33) + ciphers + struct.pack(">H", len(extensions)) + extensions
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    with socket.create_connection((MX, HTTPS), 30) as connection:
        connection.sendall(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello)
        return connection.recv(100)


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: identity, chunked"],
        ["Transfer-Encoding: \x0bchunked"],
        ["Transfer-Encoding : chunked"],
        ["Content-Length: 4", "Content-Length: 60"],
        ["Content-Length: 4, 60"],
        ["Content-Length: +4"],
        ["Content-Length: 0x4"],
        ["Content-Length: -1"],
        ["X-Folded: a", " Content-Length: 4"],
        ["X-Bare: a\rContent-Length: 4"],
        ["X-Nul: \x00"],
        ["Host: mta-sts.example.org"],
    ],
)
def test_a_request_that_another_program_may_read_differently_is_refused(fields: list[str]) -> None:
    request = get("/", *fields, close=False) + b"0\r\n\r\n" + SMUGGLED
    (status,) = answers(request)
    assert status in (400, 501)


def test_lines_without_carriage_return_make_one_request() -> None:
    request = get("/", "Content-Length: 0").replace(b"\r\n", b"\n")
    assert answers(request) == [404]


@pytest.mark.parametrize("port", [HTTP, HTTPS])
@pytest.mark.parametrize("start", ["/", "/.well-known/acme-challenge/", "/.well-known/"])
def test_no_path_leads_out_of_what_is_served(port: int, start: str) -> None:
    for up in ("../", "%2e%2e/", "..%2f", "%2e%2e%2f", ".%00./", "..\\", "%c0%ae%c0%ae/", "//../"):
        for target in ("etc/passwd", "etc/nginx/nginx.conf", "etc/pillarbox/tls/ecdsa.pem"):
            with connected(port) as connection:
                connection.sendall(get(start + 8 * up + target))
                answer = everything(connection)
            assert answer.split()[1] in (b"400", b"404", b"301"), (up, answer)
            assert b"root:" not in answer and b"PRIVATE" not in answer


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "PUT", "DELETE", "get", "PROPFIND"])
def test_no_method_does_more_than_get(method: str) -> None:
    target = f"{MX}:25" if method == "CONNECT" else "/"
    (status,) = answers(get(target).replace(b"GET", method.encode()))
    assert status in (400, 404, 405)


@pytest.mark.parametrize("port", [HTTP, HTTPS])
@pytest.mark.parametrize("host", ["", "a b", "mx.example.org/../x", "[::1", "x" * 10000, "\x00"])
def test_a_host_that_is_not_a_name_is_refused(port: int, host: str) -> None:
    assert answers(get("/", host=host), port) in ([400], [421], [])


def test_a_redirect_leads_to_no_other_host() -> None:
    assert answers(get("/", host="attacker.example"), HTTP) == []
    assert answers(get("http://attacker.example/"), HTTP) == []
    for path in ("//attacker.example/", "/\\attacker.example", "/%0d%0aLocation:%20x"):
        with connected(HTTP) as connection:
            connection.sendall(get(path))
            answer = everything(connection).decode()
        assert f"\r\nLocation: https://{MX}{path}\r\n" in answer


@pytest.mark.parametrize("host", ["MX.Example.ORG", f"{MX}.", f"{MX}:443"])
def test_a_name_in_other_spelling_is_the_same(host: str) -> None:
    assert answers(get("/", host=host)) == [404]
    assert handshake(host.partition(":")[0].encode()).startswith(b"\x16\x03\x03")


@pytest.mark.parametrize(
    "name",
    [b"", b"198.18.0.10", b"*.example.org", b"example.org", b"../../tls/ecdsa", b"x" * 10000]
    + [b"mx.example.org\x00", b"\xff", b"mta-sts.example.org/../x"],
)
def test_other_names_in_a_handshake_get_an_alert_and_no_certificate(name: bytes) -> None:
    answer = handshake(name)
    # unrecognized_name, decode_error or illegal_parameter (RFC 8446 section 6.2).
    assert answer[:1] == b"\x15" and answer[6] in (112, 50, 47), answer


def test_a_host_that_is_another_site_than_the_handshakes_gets_nothing_of_it() -> None:
    path = "/.well-known/mta-sts.txt"
    assert answers(get(path, host="mta-sts.example.org")) == [404]
    assert answers(get(path, host="elsewhere.example")) == [421]


def test_a_header_or_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    assert answers(get("/" + "a" * 9000)) == [414]
    assert answers(get("/", "X-Large: " + "a" * 9000)) == [400]
    assert answers(get("/", *(f"X-{number}: {'a' * 1000}" for number in range(40)))) == [400]
    assert answers(get("/", "Content-Length: 9" + 30 * "9", close=False)) == [400]
    with connected() as connection:
        connection.sendall(get("/", f"Content-Length: {100 << 20}"))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_size_takes_no_memory() -> None:
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with connected() as connection:
        connection.sendall(get("/", "Transfer-Encoding: chunked"))
        with suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            for _ in range(400):
                connection.sendall(chunk)
        largest = max(map(int, lab.on("mx", "ps -o rss= -C nginx").split()))
    assert largest < 25_000, f"{largest} kB"


@pytest.mark.parametrize("kind", ["reset", "continuation"])
def test_a_flood_of_http2_frames_ends_its_connection_and_delays_nobody(kind: str) -> None:
    frames = b"".join(
        frame(HEADERS, 5, stream, GET) + frame(RST_STREAM, 0, stream, bytes(4))
        for stream in range(1, 20000, 2)
    )
    if kind == "continuation":
        field = b"\x00\x01x\x7f\x81\x07" + bytes(256)
        frames = frame(HEADERS, 1, 1, GET) + 10000 * frame(CONTINUATION, 0, 1, field)
    with connected(protocol="h2") as connection:
        began = time.monotonic()
        with suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            connection.sendall(PREFACE + frames)
        assert lab.https(MX, "/").status == 404
        everything(connection)
    # An idle connection would be kept for half a minute.
    assert time.monotonic() - began < 3


@pytest.mark.once
def test_clients_that_are_slow_to_ask_are_cut_off() -> None:
    starts = (
        (HTTP, b""),
        (HTTP, b"GET / HTTP/1.1\r\nHost:"),
        (HTTPS, get("/", "Content-Length: 40000", close=False)),
        (HTTPS, b"GET /"),
    )
    with connected(*starts[0][:1]) as a, connected(HTTP) as b, connected() as c, connected() as d:
        connections = (a, b, c, d)
        for connection, (_, start) in zip(connections, starts, strict=True):
            connection.sendall(start)
        began = time.monotonic()
        for connection in connections:
            everything(connection)
        assert time.monotonic() - began < 25


def test_no_error_brings_a_whole_address_or_a_query_into_the_log() -> None:
    began = time.time()
    lab.on("mx", "mkdir -p /etc/nginx/pillarbox/host.d")
    lost = "location = /lost { proxy_pass http://unix:/run/nothing.sock; }"
    lab.on("mx", "cat >/etc/nginx/pillarbox/host.d/lost.conf && nginx -s reload", lost)
    try:
        lab.eventually(
            "the location",
            lambda: lab.https(MX, "/lost?user=alice@example.org").status == 502 or None,
        )
    finally:
        lab.on("mx", "rm /etc/nginx/pillarbox/host.d/lost.conf && nginx -s reload")
    handshake(b"\xff")
    answers(get("/?user=alice@example.org", "X-Nul: \x00"))
    answers(b"\x16\x03\x01\x00\x05hello", HTTP)
    with socket.create_connection((MX, HTTPS), 30) as connection:
        connection.sendall(b"\x16\x03\x01\x00\x02\x01\x00" * 10)
    lab.https(MX, "/the-last-of-them")

    def logged() -> str | None:
        lines = lab.on("mx", f"journalctl -t nginx -o cat --no-pager --since @{int(began)}")
        return lines if "/the-last-of-them" in lines else None

    lines = lab.eventually("the last request in the log", logged)
    assert '"GET /lost" 502' in lines
    assert "198.18.0.1 " not in lines and "198.18.0.1," not in lines, lines
    assert "alice@" not in lines
