# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sent a report, and what a report counts whose sender is not proven."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pillarbox import Failure
from pillarbox.reports import delivery, store
from pillarbox.reports.proof import sender_of

from .conftest import Host
from .samples import CLIENT, HEADER, RESULTS, dmarc_xml, message, tls_json

HOST = "mx.example.org"
MAIL = b"From: bob@example.net\n\nHello\n"


def sender(header: bytes, *networks: str) -> str:
    return sender_of(header + MAIL, HOST, networks)


def test_the_sender_is_the_domain_that_passed() -> None:
    assert sender(HEADER) == "example.net"
    assert sender_of(HEADER.replace(b"\n", b"\r\n") + MAIL, HOST) == "example.net"


@pytest.mark.parametrize(
    ("results", "domain"),
    [
        ("dkim=pass header.d=a.example header.s=r1 header.b=x; dmarc=none", "a.example"),
        ("dkim=fail header.d=a.example; dkim=pass header.d=B.example", "b.example"),
        ("spf=pass (mx: domain of x@a.example designates ::1) smtp.mailfrom=x@a.example",
         "a.example"),
        ("dkim=pass header.d=a.example; dmarc=pass (policy=none) header.from=b.example",
         "b.example"),
        ("dmarc=fail reason=x header.from=a.example (policy=reject)", ""),
        ("dkim=fail header.d=a.example; spf=softfail smtp.mailfrom=x@a.example", ""),
        ("spf=pass smtp.helo=a.example", ""),
        ("none", ""),
        ("", ""),
        # An address may have anything in quotes.
        ('dmarc=none; spf=pass smtp.mailfrom="x;dmarc=pass header.from=b.example;"@a.example', ""),
        ("dmarc=pass header.from=b.example; dmarc=fail header.from=a.example", ""),
        ("spf=pass (x) dmarc=pass header.from=b.example", ""),
        ("dmarc=passable header.from=b.example", ""),
    ],
)  # fmt: skip
def test_only_results_that_are_clear_prove_a_sender(results: str, domain: str) -> None:
    assert sender(CLIENT + f"Authentication-Results: {HOST}; {results}\n".encode()) == domain


def test_results_of_others_and_later_ones_prove_nothing() -> None:
    other = RESULTS.replace(HOST.encode(), b"mx.example.net")
    assert sender(CLIENT + other) == ""
    assert sender(CLIENT + other + RESULTS) == ""
    fails = f"Authentication-Results: {HOST}; dmarc=fail header.from=example.net\n".encode()
    assert sender(CLIENT + fails + RESULTS) == ""


@pytest.mark.parametrize(
    "received",
    [
        b"",
        CLIENT.replace(b"ESMTPS", b"ESMTPSA"),
        CLIENT.replace(b"mx.example.org", b"mx.example.net"),
        CLIENT.replace(b"[198.51.100.20]", b"[127.0.0.1]"),
        CLIENT.replace(b"[198.51.100.20]", b"[IPv6:::1]"),
        CLIENT.replace(b"[198.51.100.20]", b"[192.0.2.200]"),
        b"Received: by mx.example.org (Postfix, from userid 0)\n\tid 1; today\n",
    ],
)
def test_mail_of_users_and_own_networks_could_have_forged_results(received: bytes) -> None:
    assert sender(received + RESULTS, "192.0.2.128/25", "2001:db8::/32") == ""
    six = CLIENT.replace(b"[198.51.100.20]", b"[IPv6:2001:db9::1]")
    assert sender(six + RESULTS, "192.0.2.128/25", "2001:db8::/32") == "example.net"


def test_a_report_of_an_unproven_sender_is_shown_and_not_counted(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    for content, prefix in ((dmarc_xml(), b""), (tls_json(), b""), (tls_json(), HEADER)):
        delivery.deliver(prefix + message(content), "<x@example.net>")
    first, _second, third = capsys.readouterr().out.splitlines()
    assert first.endswith("about example.org, whose sender is not proven")
    # The true report counts, although a forged one came before it.
    assert third.startswith("kept: ") and third.endswith("about example.org")
    told = host.told()["example.org"]
    assert (told["dmarc"]["messages"], told["dmarc"]["reporters"]) == (0, {})
    assert told["dmarc"]["unproven"] == {"Reporter": 1}
    assert told["dmarc"]["policy"] == ""
    assert told["tls"]["reporters"] == {"Company-X": 1} and told["tls"]["unproven"] == {}
    host.run()
    text = capsys.readouterr().out
    assert text.startswith("example.org: 1 TLS report about")
    assert "\nnot counted     DMARC reports of unproven senders: Reporter 1\n" in text


def test_a_forged_report_does_not_replace_a_true_one(host: Host) -> None:
    for prefix in (HEADER, b""):
        answer = delivery.deliver(prefix + message(tls_json()), "<>")
    assert answer == "250 2.0.0 1 known before"
    assert host.told()["example.org"]["tls"]["unproven"] == {}


def test_a_database_of_the_first_version_is_kept_and_its_reports_count(host: Host) -> None:
    host.receive(message(dmarc_xml()))
    before = host.told()["example.org"]
    with closing(sqlite3.connect(host.file)) as database:
        database.executescript("ALTER TABLE report DROP COLUMN sent_by; PRAGMA user_version = 1")
    assert host.told()["example.org"] == before
    delivery.deliver(HEADER + message(tls_json()), "<>")
    assert host.told()["example.org"]["tls"]["reporters"] == {"Company-X": 1}
    # A program of before does not write to it.
    with closing(sqlite3.connect(host.file)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
        database.execute("PRAGMA user_version = 4")
    with pytest.raises(Failure, match="another version"), store.opened(host.file):
        pass
