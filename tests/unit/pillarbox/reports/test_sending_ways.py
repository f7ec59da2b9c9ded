# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where TLS reports to other domains go, and how."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar
from urllib.error import HTTPError

import dns.name
import pytest

from pillarbox import lookup
from pillarbox.reports.sending import sender, settings
from pillarbox.reports.sending.document import document
from pillarbox.reports.sending.outbox import DUE, SENT, Outbox, Report
from pillarbox.reports.sending.sender import Refusal, destinations

from .outgoing import GIVEN, MIDNIGHT, RECORD, URI, count, datagram


@pytest.mark.parametrize(
    ("record", "uris"),
    [
        (RECORD, [URI]),
        ("v=TLSRPTv1;rua= mailto:a@b.example , https://b.example/x ;",
         ["mailto:a@b.example", "https://b.example/x"]),
        ("v=TLSRPTv1", []),
        ("v=TLSRPTv2; rua=mailto:a@b.example", []),
        ("", []),
        ("v=TLSRPTv1; rua=" + ",".join(["mailto:a@b.example"] * 9), ["mailto:a@b.example"] * 5),
    ],
)  # fmt: skip
def test_the_destinations_in_a_record(record: str, uris: list[str]) -> None:
    assert destinations(record) == uris


def test_of_several_records_none_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Text:
        def __init__(self, text: str) -> None:
            # A TXT record is in pieces of up to 255 bytes.
            self.strings = [text[:10].encode(), text[10:].encode()]

    def answer(texts: list[str]) -> None:
        found = lookup.Answer(dns.name.root, [Text(text) for text in texts], True)
        monkeypatch.setattr(lookup, "ask", lambda *_arguments: found)

    answer(["v=spf1 -all", RECORD])
    assert sender.asked("example.net") == [URI]
    answer([RECORD, RECORD])
    assert sender.asked("example.net") == []
    assert sender.asked("a..b") == []


@pytest.mark.parametrize(
    "uri",
    ["mailto:", "mailto:tls", "mailto:a%0d%0aRCPT@example.net", "mailto:a,b@example.net",
     "mailto:-oX@localhost"],
)  # fmt: skip
def test_what_is_no_address_gets_no_mail(uri: str, box: Outbox) -> None:
    count(box, datagram())
    box.close_days(MIDNIGHT, ())
    [report] = box.reports()
    with pytest.raises(Refusal, match="no address"):
        sender.send_mail(uri, report, GIVEN)


def test_a_report_that_postfix_does_not_take_waits(box: Outbox) -> None:
    count(box, datagram())
    box.close_days(MIDNIGHT, ())
    [report] = box.reports()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        sender.send_mail(URI, report, GIVEN._replace(port=port))


@contextmanager
def answering(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """Have a web server that answers one request so, and yield its URI."""
    over = threading.Event()

    def serve() -> None:
        with suppress(OSError), server.accept()[0] as client:
            client.recv(1_000_000)
            for piece in pieces:
                client.sendall(piece)
                over.wait(pause)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            over.set()
            # If nobody came.
            with suppress(OSError):
                socket.create_connection(server.getsockname()).close()
            thread.join()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("https://x:abc/", "nonnumeric port"),
        ("https://a b/", "control characters"),
        ("https://[", "Invalid IPv6 URL"),
        ("mailto://[x", "Invalid IPv6 URL"),
        ("http:garbage", "no status line"),
    ],
)
def test_no_record_and_no_server_keeps_other_reports_from_being_sent(
    uri: str, said: str, box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def take(_uri: str, report: Report, _given: settings.Settings) -> None:
        sent.append(report.domain)

    with answering(b"no status line\r\n\r\n") as garbage:
        uris = {"a.example": uri.replace("http:garbage", garbage), "b.example": "test:"}
        ways = {"http": sender.post, "test": take}
        monkeypatch.setattr(sender, "WAYS", sender.WAYS | ways)
        monkeypatch.setattr(sender, "asked", lambda domain: [uris[domain]])
        monkeypatch.setattr(sender, "own_domains", frozenset)
        count(box, datagram("a.example"), datagram("b.example"))
        sender.send_all(box, GIVEN, MIDNIGHT)
    assert sent == ["b.example"]
    first, second = box.reports()
    assert (first.state, second.state) == (DUE, SENT)
    assert said in first.remark


def test_a_web_server_cannot_hold_the_others_up_by_answering_slowly(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "WEB_PATIENCE", 0.5)
    count(box, datagram())
    box.close_days(MIDNIGHT, ())
    [report] = box.reports()
    slow = b"HTTP/1.1 201 Created\r\nX: " + b"x" * 20 + b"\r\n\r\n"
    with (
        answering(*(bytes([byte]) for byte in slow), pause=0.1) as uri,
        pytest.raises(TimeoutError, match="not done within"),
    ):
        sender.post(uri, report, GIVEN)


class Web(BaseHTTPRequestHandler):
    """A web server that takes reports at one path, and has others elsewhere."""

    taken: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/moved":
            self.send_response(307)
            self.send_header("Location", "/tls")
        elif self.path == "/tls":
            self.taken.append((self.headers["Content-Type"], content))
            self.send_response(201)
        else:
            self.send_response(404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_report_is_posted_to_a_web_server_and_follows_no_redirect(box: Outbox) -> None:
    count(box, datagram())
    box.close_days(MIDNIGHT, ())
    [report] = box.reports()
    with HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        # Only https is among sender.WAYS; the rest is the same.
        place = f"http://127.0.0.1:{server.server_port}"
        try:
            sender.post(f"{place}/tls", report, GIVEN)
            for path, said in (("/moved", "307"), ("/gone", "404")):
                with pytest.raises(HTTPError, match=said):
                    sender.post(place + path, report, GIVEN)
        finally:
            server.shutdown()
            thread.join()
    assert Web.taken == [("application/tlsrpt+gzip", document(report, GIVEN.sender))]


def test_only_https_and_mail_are_ways_to_send() -> None:
    assert set(sender.WAYS) == {"https", "mailto"}
