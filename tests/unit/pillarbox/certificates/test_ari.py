# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA's renewal information, from a real HTTPS server: it brings renewals forward, never back."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509

from pillarbox.certificates import ari
from pillarbox.certificates.pair import BEGIN, CertificateError, leaf_of
from pillarbox.certificates.ring import now

from .chains import KEY, KEYS, certificate, issued
from .host import Host

DAY = timedelta(days=1)
PIN = KEYS["ecdsa", "current"]


class Authority:
    """The CA's answer for every certificate, and how often it was queried."""

    def __init__(self, port: int, bundle: Path) -> None:
        self.url = f"https://localhost:{port}/dir"
        self.bundle = str(bundle)
        self.answer: bytes = b"{}"
        self.retry_after = "21600"
        self.delay = 0.0
        self.asked: list[str] = []

    def suggests(self, start: datetime, end: datetime) -> None:
        window = {"start": start.isoformat(), "end": end.isoformat().replace("+00:00", "Z")}
        self.answer = json.dumps({"suggestedWindow": window, "explanationURL": "x"}).encode()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    pair = KEY + certificate(KEY, names=("localhost",))
    (tmp_path / "authority.pem").write_bytes(pair)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps({"renewalInfo": ca.url.replace("dir", "ari/")}).encode()
            if self.path != "/dir":
                ca.asked.append(self.path)
                content = ca.answer
            self.send_response(200)
            self.send_header("Retry-After", ca.retry_after)
            self.end_headers()
            for byte in content if ca.delay else ():
                time.sleep(ca.delay)
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            if not ca.delay:
                self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_arguments: Any) -> None:
            """Ignore clients that disconnect."""

    server = Server(("localhost", 0), Handler)
    ca = Authority(server.server_port, tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "authority.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield ca
    server.shutdown()
    server.server_close()


def test_names_a_certificate_as_the_rfc_does() -> None:
    # The example of RFC 9773 section 4.1.
    issuer = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    extension = x509.AuthorityKeyIdentifier(issuer, None, None)
    leaf: Any = SimpleNamespace(
        serial_number=0x87654321,
        extensions=x509.Extensions([x509.Extension(extension.oid, False, extension)]),
    )
    assert ari.identifier(leaf) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    with pytest.raises(CertificateError, match="has no authority key identifier"):
        ari.identifier(leaf_of(certificate()))


def test_picks_any_time_in_the_window_and_the_same_one_again() -> None:
    start = datetime(2026, 11, 25, tzinfo=UTC)
    picks = [ari.pick(start, start + DAY, str(number)) for number in range(1000)]
    assert picks == [ari.pick(start, start + DAY, str(number)) for number in range(1000)]
    assert start <= min(picks) < start + DAY / 50 and start + DAY * 0.98 < max(picks) < start + DAY
    for quarter in range(4):
        inside = [pick for pick in picks if quarter <= (pick - start) / DAY * 4 < quarter + 1]
        assert 180 < len(inside) < 320


@pytest.mark.parametrize(
    ("header", "hours"),
    [("21600", 6), ("0", 1), ("99999999999", 24), ("", 6), ("-1", 6), ("Fri, 20 Nov 2026", 6)],
)
def test_asks_again_when_the_server_says_within_reason(header: str, hours: int) -> None:
    assert ari.pause(header) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"nonsense", b"[]", b"{}", b'{"suggestedWindow": 7}', b"\xff" * 100000,
        b'{"suggestedWindow": {"start": "soon", "end": "later"}}',
        b'{"suggestedWindow": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}',
        b'{"suggestedWindow": {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"}}',
    ],
)  # fmt: skip
def test_nonsense_is_no_advice(authority: Authority, answer: bytes) -> None:
    authority.answer = answer
    with pytest.raises(CertificateError):
        ari.ask(authority.url, authority.bundle, "a.b")


def test_a_server_that_is_slow_down_or_not_trusted_is_no_advice_either(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.suggests(now(), now() + DAY)
    with pytest.raises(CertificateError, match="CERTIFICATE_VERIFY_FAILED"):
        ari.ask(authority.url, "", "a.b")
    with pytest.raises(CertificateError, match="refused"):
        ari.ask("https://localhost:9/dir", authority.bundle, "a.b")
    # Each byte arrives in time, but not all of them together.
    authority.delay = 0.2
    monkeypatch.setattr(ari, "TIMEOUT", 1.0)
    with pytest.raises(CertificateError, match="no answer in"):
        ari.ask(authority.url, authority.bundle, "a.b")


@pytest.fixture
def host_of_ca(host: Host, authority: Authority) -> Host:
    """Return a host whose ECDSA certificate is from that CA, and has two months left."""
    host.config |= {
        "algorithms": ["ecdsa"],
        "source": "acme",
        "issuer": authority.url,
        "server": authority.url,
        "ca_bundle": authority.bundle,
        "environment": {"PATH": f"{host.base}/bin:/usr/bin:/bin"},
    }
    lasts(host, 90, 60)
    acme = host.base / "bin/acme.sh"
    # The order itself is not tested here.
    acme.write_text("#!/bin/sh\necho no order today\nexit 1\n")
    acme.chmod(0o755)
    return host


def lasts(host: Host, life: float, left: float) -> None:
    """Serve a certificate of this lifetime, with this many days left."""
    chain = issued(PIN, begin=left - life, end=left)
    host.pair_file("ecdsa").write_bytes(PIN + chain)
    host.load()


def test_a_certificate_is_due_when_its_ca_says_so(host_of_ca: Host, authority: Authority) -> None:
    authority.suggests(now() + DAY, now() + 2 * DAY)
    assert host_of_ca.run("renew").report["due"] == {}
    assert len(authority.asked) == 1
    # The CA is not queried again before its Retry-After.
    authority.suggests(now() - 2 * DAY, now() - DAY)
    assert host_of_ca.run("renew").report["due"] == {}
    assert len(authority.asked) == 1
    memory = host_of_ca.memory
    memory["advice"]["ecdsa"]["asked_until"] = now().isoformat()
    host_of_ca.memory = memory
    predicted = host_of_ca.run("renew", "--check").report["due"]["ecdsa"]
    assert predicted.startswith("its CA asks to renew it from ")
    assert host_of_ca.memory == memory
    run = host_of_ca.run("renew")
    assert run.status == 1 and "no order today" in run.err
    # Even if the CA no longer answers.
    assert "no order today" in host_of_ca.run("renew").err


def test_a_new_certificate_is_left_alone_for_a_day_whatever_its_ca_says(
    host_of_ca: Host, authority: Authority
) -> None:
    authority.suggests(now() - 2 * DAY, now() - DAY)
    host_of_ca.memory = {"advice": {"ecdsa": {"renewed": (now() - DAY / 2).isoformat()}}}
    assert host_of_ca.run("renew").report["due"] == {}
    assert authority.asked == []
    host_of_ca.memory = {"advice": {"ecdsa": {"renewed": (now() - DAY).isoformat()}}}
    assert host_of_ca.run("renew").status == 1


@pytest.mark.parametrize("what", ["later", "down", "nonsense"])
def test_our_own_date_holds_whatever_the_ca_says(
    host_of_ca: Host, authority: Authority, what: str
) -> None:
    if what == "later":
        authority.suggests(now() + 50 * DAY, now() + 51 * DAY)
    elif what == "down":
        host_of_ca.config["server"] = "https://localhost:9/dir"
    lasts(host_of_ca, 90, 31)
    assert host_of_ca.run("renew").report["due"] == {}
    lasts(host_of_ca, 90, 29)
    due = host_of_ca.run("renew", "--check").report["due"]
    assert due == {"ecdsa": "the certificate in service expires in 28 days"}
    assert BEGIN in host_of_ca.pairs()["ecdsa"]
