# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a line of Postfix's log, and that strangers cannot forge one."""

from __future__ import annotations

import pytest

from pillarbox.tls.lines import (
    Accepted,
    Closed,
    Delivered,
    Event,
    Lost,
    Opened,
    Queued,
    Reached,
    Screened,
    Secured,
    Tls,
    domain_of,
    domain_of_host,
    parse,
)

from .log import PEER, RECEIVED, SENT, events

RELAY = f"{PEER}:25"
RPK = "ECDSA (prime256v1 raw public key)"
AES = "TLS_AES_256_GCM_SHA384"
END = "delay=0.35, delays=0.02/0.03/0.15/0.14, dsn=2.0.0, status=sent (250 2.0.0 Ok)"


def test_a_message_that_arrives_is_read_from_five_lines() -> None:
    assert events(RECEIVED) == [
        Opened("26188"),
        Secured("26188", Tls("Anonymous", "TLSv1.3", AES, "x25519", RPK)),
        Accepted("26188", "5741919A05D", "peer.example.net"),
        Queued("5741919A05D", "peer.example.net"),
        Closed("26188", tried=True, brought=True),
    ]


def test_a_message_that_leaves_is_read_from_what_the_smtp_client_logs() -> None:
    assert events(SENT)[1:] == [
        Reached("28776", Tls("Verified", "TLSv1.3", AES, "x25519", RPK), RELAY),
        Delivered("28776", "74D2972201F", "example.net", RELAY, "peer.example.net", 25, True),
    ]


def tls(line: str) -> Tls:
    event = parse("postfix/smtpd", "1", line)
    assert isinstance(event, Secured)
    return event.tls


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        # Postfix 3.10.13, in the lab.
        (
            "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519MLKEM768"
            " server-signature RSA-PSS (3072 bits) server-digest SHA256",
            ("TLSv1.3", AES, "X25519MLKEM768", "RSA-PSS (3072 bits)"),
        ),
        # Resumption of a session, without a signature.
        (
            "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange x25519",
            ("TLSv1.3", AES, "x25519", ""),
        ),
        # Postfix 3.7 on Debian 12, with OpenSSL 3.0: parameters from logs on the Internet, in the
        # form of tls_log_summary() in its release 3.7.11.
        (
            "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ECDHE (P-256)"
            " server-signature RSA-PSS (4096 bits) server-digest SHA256",
            ("TLSv1.3", AES, "P-256", "RSA-PSS (4096 bits)"),
        ),
        (
            "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits) key-exchange X25519"
            " server-signature ECDSA (P-256) server-digest SHA256 client-signature RSA-PSS"
            " (2048 bits) client-digest SHA256",
            ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519", "ECDSA (P-256)"),
        ),
        (
            "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)",
            ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "", ""),
        ),
        (
            "TLSv1 with cipher DHE-RSA-AES256-SHA (256/256 bits) key-exchange DHE (2048 bits)"
            " server-signature RSA (2048 bits) server-digest SHA1",
            ("TLSv1", "DHE-RSA-AES256-SHA", "DHE (2048 bits)", "RSA (2048 bits)"),
        ),
    ],
)
def test_the_parameters_of_tls_are_read_in_all_forms(
    parameters: str, expected: tuple[str, str, str, str]
) -> None:
    line = f"Anonymous TLS connection established from mail.example.com[192.0.2.1]: {parameters}"
    assert tls(line)[1:] == expected
    # With the server name that the client has asked for, and with the client's port.
    assert tls(line.replace("]: ", "] to mx.example.org: "))[1:] == expected
    assert tls(line.replace("]: ", "]:54321: "))[1:] == expected


@pytest.mark.parametrize(
    ("commands", "event"),
    [
        (" commands=0/0", Closed("1", False, False)),
        (" ehlo=1 starttls=0/1 commands=1/2", Closed("1", False, False)),
        (" ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4", Closed("1", True, False)),
        (" ehlo=1 mail=1 rcpt=1 data=0/1 commands=3/4", Closed("1", True, False)),
        (" ehlo=2 starttls=1 mail=2 rcpt=2 bdat=3 quit=1 commands=11", Closed("1", True, True)),
        (" helo=1 mail=2 rcpt=1/2 data=1/2 rset=1 commands=6/8", Closed("1", True, True)),
    ],
)
def test_the_last_line_of_a_connection_tells_whether_it_brought_mail(
    commands: str, event: Event
) -> None:
    assert parse("postfix/smtpd", "1", f"disconnect from unknown[192.0.2.1]{commands}") == event


def test_what_postscreen_ends_is_read() -> None:
    assert parse("postfix/postscreen", "1", "DISCONNECT [192.0.2.1]:40000") == Screened("1")
    assert parse("postfix/postscreen", "1", "PASS OLD [192.0.2.1]:40000") is None


@pytest.mark.parametrize(
    "line",
    [
        "A1B2C3D4E5: lost connection with mx.example.com[192.0.2.1] while sending DATA command",
        "A1B2C3D4E5: conversation with mx.example.com[192.0.2.1] timed out while sending RCPT TO",
    ],
)
def test_a_connection_that_breaks_is_read(line: str) -> None:
    assert parse("postfix/smtp", "1", line) == Lost("1")


@pytest.mark.parametrize(
    ("daemon", "line"),
    [
        ("postfix/smtpd", "connect from localhost[127.0.0.1]"),
        ("postfix/smtpd", "A1B2C3D4E5: client=localhost[::1]"),
        ("postfix/smtpd", "disconnect from localhost[127.0.0.1] ehlo=1 mail=4 commands=14"),
        ("postfix/postscreen", "DISCONNECT [127.0.0.1]:35154"),
        (
            "postfix/smtp",
            f"A1B2C3D4E5: to=<a@example.com>, relay=localhost[127.0.0.1]:10027, {END}",
        ),
        (
            "postfix/smtp",
            "A1B2C3D4E5: to=<a@example.com>, relay=mx.example.org[private/dovecot-lmtp],"
            " delay=0.07, delays=0.03/0.01/0.02/0.01, dsn=2.0.0, status=sent (250 2.0.0 Saved)",
        ),
        (
            "postfix/smtp",
            "A1B2C3D4E5: to=<a@example.com>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1,"
            " status=deferred (connect to mx.example.com[192.0.2.1]:25: Connection timed out)",
        ),
        ("postfix/qmgr", "A1B2C3D4E5: removed"),
    ],
)
def test_what_concerns_only_this_host_is_left_out(daemon: str, line: str) -> None:
    assert parse(daemon, "1", line) is None


@pytest.mark.parametrize("use", ["", "conn_use=2, "])
@pytest.mark.parametrize("original", ["", "orig_to=<sales@example.org>, "])
# Postfix 3.11 has this field.
@pytest.mark.parametrize("features", ["", "tls=dane, "])
def test_a_delivery_may_have_more_fields(use: str, original: str, features: str) -> None:
    end = END.replace("dsn=", f"{features}dsn=")
    line = f"A1B2C3D4E5: to=<a@Example.COM>, {original}relay={RELAY}, {use}{end}"
    event = Delivered("1", "A1B2C3D4E5", "example.com", RELAY, "peer.example.net", 25, True)
    assert parse("postfix/smtp", "1", line) == event
    assert parse("postfix/relay/smtp", "1", line) == event
    # Long queue IDs: postconf(5), enable_long_queue_ids.
    long_id = line.replace("A1B2C3D4E5", "3Pt2mN2VXxznjll")
    assert parse("postfix/smtp", "1", long_id) == event._replace(queue_id="3Pt2mN2VXxznjll")


def test_the_partner_of_mail_over_a_smarthost_is_the_smarthost() -> None:
    line = f"A1B2C3D4E5: to=<a@example.com>, relay=relay.example.net[192.0.2.1]:465, {END}"
    event = parse("postfix/smarthost-tls/smtp", "1", line)
    assert isinstance(event, Delivered) and event.domain == "relay.example.net"


# What strangers can write into the log


FORGED = f'a>, relay=mx.gmail.example[192.0.2.9]:25, {END.split(" (")[0]} (@"'


@pytest.mark.parametrize("local", [f'"{FORGED}', '"x\\">, relay=mx.gmail.example[192.0.2.9]:25, "'])
def test_a_recipient_cannot_pretend_to_be_somebody_else(local: str) -> None:
    line = f"A1B2C3D4E5: to=<{local}@evil.example>, relay={RELAY}, {END}"
    event = parse("postfix/smtp", "1", line)
    assert isinstance(event, Delivered)
    assert (event.domain, event.host) == ("evil.example", "peer.example.net")


def test_a_sender_cannot_pretend_to_be_somebody_else() -> None:
    # Refused in the lab for other reasons; Postfix 3.10 quotes it so.
    sender = '"x@gmail.example>, size=1, nrcpt=1 (queue active)"@evil.example'
    line = f"A1B2C3D4E5: from=<{sender}>, size=707, nrcpt=1 (queue active)"
    assert parse("postfix/qmgr", "1", line) == Queued("A1B2C3D4E5", "evil.example")


@pytest.mark.parametrize(
    ("daemon", "line"),
    [
        # The answer of a server.
        (
            "postfix/smtp",
            f"A1B2C3D4E5: host mx.evil.example[192.0.2.9] said: 450 B1B2C3D4E5: to=<a@b.example>,"
            f" relay={RELAY}, {END}",
        ),
        (
            "postfix/smtpd",
            "NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 550 5.1.1 <a@b.example>: no;"
            " from=<disconnect from unknown[192.0.2.1] data=1@b.example> helo=<connect from x>",
        ),
        ("postfix/smtpd", "warning: connect from mx.evil.example[192.0.2.9]"),
        ("postfix/smtpd", "connect from mx.evil.example[192.0.2.9] and more"),
        ("postfix/smtpd", "NOQUEUE: client=mx.evil.example[192.0.2.9], sasl_username=x"),
        ("postfix/qmgr", "A1B2C3D4E5: from=<a@b.example>, size=1, nrcpt=1 (queue active) more"),
        ("postfix/postscreen", "PREGREET 9 after 0 from [192.0.2.9]:1: DISCONNECT [192.0.2.9]:1"),
        ("postfix/postscreen", "DISCONNECT [192.0.2.9]:1\n"),
        ("postfix/smtp", "Verified TLS connection established to \x1b[31m[192.0.2.9]:25: TLSv1.3"),
    ],
)
def test_what_a_line_quotes_is_not_read_as_a_line(daemon: str, line: str) -> None:
    assert parse(daemon, "1", line) is None


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("_x.example.com", "_x.example.com"),
        ("localhost", "unknown"),
        ("", "unknown"),
        ("[192.0.2.1]", "unknown"),
        ("192.0.2.1", "unknown"),
        ("a..example", "unknown"),
        ("exa mple.com", "unknown"),
        ("example.com\x1b[31m", "unknown"),
        ("exam\tple.com", "unknown"),
        (f"{'a' * 64}.example", "unknown"),
        (".".join(["a" * 60] * 5), "unknown"),
        ("\ud800.example", "unknown"),
    ],
)
def test_only_domains_are_counted(name: str, domain: str) -> None:
    assert domain_of(name) == domain


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("mail-ed1-f41.google.com", "google.com"),
        ("mx.example.co.uk", "example.co.uk"),
        ("example.net", "example.net"),
        ("9.2.0.192.dynamic.example.net", "dynamic.example.net"),
        ("unknown", "unknown"),
    ],
)
def test_a_client_without_sender_is_known_by_its_domain(name: str, domain: str) -> None:
    assert domain_of_host(name) == domain
