# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clients may use port 25, how they must behave, and that malformed input does no harm."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.wire import cursor, log_since, wire

ALICE = "alice@example.org"
BOB = "bob@example.net"
# More addresses of peer; their entries in the lab's DNS lists are in its zone example.net.
LISTED, LISTED_OTHERWISE, LISTED_AND_ALLOWED = "198.18.0.66", "198.18.0.67", "198.18.0.68"
NAMELESS, PERMITTED, REFUSED = "198.18.0.70", "198.18.0.81", "198.18.0.85"
CLIENTS = (LISTED, LISTED_OTHERWISE, LISTED_AND_ALLOWED, NAMELESS, PERMITTED, REFUSED)

HELLO = "EHLO client.example.net\r\n"
TO_ALICE = (HELLO, f"MAIL FROM:<{BOB}>\r\n", f"RCPT TO:<{ALICE}>\r\n")
# The replies to each client, and the log lines of its rejection.
Met = dict[str, tuple[list[str], list[str]]]


@pytest.fixture(scope="module", autouse=True)
def clients() -> Iterator[None]:
    """Add all these addresses to peer."""
    for word in ("add", "del"):
        for address in CLIENTS:
            lab.on("peer", f"ip address {word} {address}/24 dev eth0", check=False)
        if word == "add":
            yield


# Before the SMTP dialogue: DNS lists, the greeting


@pytest.fixture(scope="module")
def met(clients: None) -> Met:
    """Connect from all clients in parallel, as most wait six seconds for the greeting."""
    # postscreen remembers clients that have waited; it must not know the one without a name.
    addresses = [client for client in CLIENTS if client != NAMELESS]
    mark = cursor()
    with ThreadPoolExecutor() as pool:
        replies = list(pool.map(lambda client: wire(TO_ALICE, client=client)[0], addresses))
    log = log_since(mark, "NOQUEUE: reject")
    logs = [[line for line in log if f"[{client}]" in line] for client in addresses]
    return dict(zip(addresses, zip(replies, logs, strict=True), strict=True))


def test_a_client_on_a_dns_list_is_refused_with_one_line_in_the_log(met: Met) -> None:
    replies, log = met[LISTED]
    assert replies[3].startswith(
        "550 5.7.1 Service unavailable; client [198.18.0.66] blocked using"
    )
    assert "dnsbl.example.net" in replies[3]
    assert len(log) == 1


def test_a_client_on_a_list_for_something_else_is_taken(met: Met) -> None:
    replies, _ = met[LISTED_OTHERWISE]
    assert replies[3].startswith("250 2.1.5 "), replies


@pytest.mark.parametrize("client", [LISTED_AND_ALLOWED, PERMITTED], ids=["listed", "permitted"])
def test_a_client_on_an_allowlist_is_accepted_and_does_not_wait(met: Met, client: str) -> None:
    replies, _ = met[client]
    assert replies[0].endswith((" after 0 s", " after 1 s")), replies
    assert replies[3].startswith("250 2.1.5 "), replies


def test_a_client_that_the_operator_refuses_is_refused(met: Met) -> None:
    replies, log = met[REFUSED]
    assert replies[3].startswith("550 5.3.2 Service currently unavailable"), replies
    assert len(log) == 1


def test_a_client_that_talks_before_the_greeting_is_refused() -> None:
    mark = cursor()
    (replies,) = wire(TO_ALICE[1:], client=NAMELESS, eager=HELLO)
    assert any(reply.startswith("550 5.5.1 Protocol error") for reply in replies), replies
    assert len(log_since(mark, "PREGREET")) == 1


def test_a_client_that_is_refused_is_offered_the_same_certificates() -> None:
    key = "openssl x509 -noout -pubkey"

    def served(wanted: str) -> str:
        command = f"openssl s_client -starttls smtp -connect 198.18.0.10:25 -sigalgs {wanted}"
        return lab.on("peer", f"{command} -bind {LISTED} </dev/null 2>/dev/null | {key}")

    with ThreadPoolExecutor() as pool:
        keys = list(pool.map(served, ("ECDSA+SHA256", "RSA-PSS+SHA256")))
    assert keys == [
        lab.on("mx", f"{key} -in /etc/pillarbox/tls/{algorithm}.pem")
        for algorithm in ("ecdsa", "rsa")
    ]


def test_the_dns_lists_work() -> None:
    lab.on("mx", "systemctl start pillarbox-dnsbls.service")


# Host names, and relaying


@pytest.mark.parametrize(
    ("hello", "answer"),
    [
        ("EHLO mx.example.org", "554 5.7.1 <mx.example.org>: Helo command rejected: You are not"),
        ("HELO 198.18.0.20", "504 5.5.2 <198.18.0.20>: Helo command rejected: need fully-"),
        ("HELO client", "504 5.5.2 <client>: Helo command rejected: need fully-qualified"),
        ("EHLO cl!ent.example", "501 5.5.2 <cl!ent.example>: Helo command rejected: Invalid name"),
    ],
)
def test_a_name_that_cannot_be_the_clients_is_refused(hello: str, answer: str) -> None:
    (replies,) = wire((f"{hello}\r\n", *TO_ALICE[1:]))
    assert replies[3].startswith(answer), replies


def test_a_client_without_a_name_is_left_to_the_filter() -> None:
    (replies,) = wire(TO_ALICE, client=LISTED_OTHERWISE)
    assert replies[3].startswith("250 2.1.5 "), replies


RELAY_PROBES = [
    (BOB, "<victim@example.net>"),
    ("", "<victim@example.net>"),
    ("mx.example.org", "<victim@example.net>"),
    ("spam@mx.example.org", "<victim@example.net>"),
    (ALICE, "<victim@example.net>"),
    ("spam@localhost", "<victim@example.net>"),
    ("spam@[198.18.0.10]", "<victim@example.net>"),
    ("spam@[127.0.0.1]", "<victim@example.net>"),
    (BOB, "<victim%example.net@mx.example.org>"),
    (BOB, "<victim%example.net@[198.18.0.10]>"),
    (BOB, "<victim%example.net@example.org>"),
    (BOB, "<victim%example.net@shop.example.org>"),
    (BOB, '<"victim@example.net">'),
    (BOB, '<"victim%example.net">'),
    (BOB, '<"victim@example.net"@mx.example.org>'),
    (BOB, '<"victim@example.net"@shop.example.org>'),
    (BOB, "<victim@example.net@mx.example.org>"),
    (BOB, "<@mx.example.org:victim@example.net>"),
    (BOB, "<example.net!victim>"),
    (BOB, "<example.net!victim@mx.example.org>"),
    (BOB, "<victim@[198.18.0.20]>"),
    (BOB, "victim@example.net@shop.example.org"),
]


def test_nothing_is_relayed_in_whatever_form_it_is_asked_for() -> None:
    mark = cursor()
    probes = [
        (HELLO, f"MAIL FROM:<{sender}>\r\n", f"RCPT TO:{recipient}\r\n", "DATA\r\n")
        for sender, recipient in RELAY_PROBES
    ]

    answers = wire(*probes)

    for (_hello, mail, rcpt, _data), replies in zip(probes, answers, strict=True):
        refused = [reply for reply in replies[2:4] if reply.startswith("5")]
        assert refused and replies[4].startswith(("554 5.5.1", "503 5.5.1")), (mail, rcpt, replies)
    assert len(log_since(mark, "NOQUEUE: reject")) <= len(RELAY_PROBES)


# Smuggling: https://www.postfix.org/smtp-smuggling.html

ENDS = {
    "LF.LF": "\n.\n",
    "LF.CRLF": "\n.\r\n",
    "CRLF.LF": "\r\n.\n",
    "CR.CR": "\r.\r",
    "CR.CRLF": "\r.\r\n",
    "CRLF.CR": "\r\n.\r",
    "CR.LF": "\r.\n",
    "LF.CR": "\n.\r",
    "CRCRLF.CRCRLF": "\r\r\n.\r\r\n",
    "NUL": "\r\n\0.\r\n",
    "CRLF.NUL": "\r\n.\0\r\n",
    "LFCR": "\n\r.\n\r",
}


@pytest.fixture(scope="module")
def smuggled() -> dict[str, tuple[EmailMessage, str, list[str]]]:
    """Return for each form: the message, the subject of the smuggled one, and the replies."""
    cases = {form: (lab.message(BOB, ALICE), f"smuggled {uuid.uuid4()}") for form in ENDS}
    dialogues = []
    for form, (mail, subject) in cases.items():
        commands = "".join(TO_ALICE[1:]).replace(BOB, "ceo@example.net") + "DATA\r\n"
        inside = f"{commands}From: {BOB}\r\nSubject: {subject}\r\n\r\nbad\r\n.\r\n"
        outside = mail.as_string().replace("\n", "\r\n").removesuffix("\r\n")
        dialogues.append((*TO_ALICE, "DATA\r\n", outside + ENDS[form] + inside))
    answers = wire(*dialogues)
    return {form: (*cases[form], answers[number]) for number, form in enumerate(ENDS)}


@pytest.mark.parametrize("form", ENDS)
def test_no_second_message_comes_with_the_first(
    form: str, smuggled: dict[str, tuple[EmailMessage, str, list[str]]]
) -> None:
    mail, subject, replies = smuggled[form]
    taken = [reply for reply in replies if "queued as" in reply]
    assert len(taken) <= 1 and len(replies) <= 7, replies
    if taken:
        arrived = lab.received(ALICE, mail)
        assert subject.encode() in arrived
        assert b"\r" not in arrived.replace(b"\r\n", b"") and b"\n.\r\n" not in arrived
    other = lab.message(BOB, ALICE)
    other.replace_header("Subject", subject)
    assert not [folder for folder in ("INBOX", "Junk") if in_header(other, folder)]


def in_header(mail: EmailMessage, folder: str) -> bool:
    return lab.find(ALICE, mail, folder) is not None


# Sizes, garbage and contents


def test_a_message_that_is_announced_as_too_large_is_refused_before_it_is_sent() -> None:
    (replies,) = wire((HELLO, f"MAIL FROM:<{BOB}> SIZE=52428801\r\n"))
    assert "250-SIZE 52428800" in replies[1]
    assert replies[2] == "552 5.3.4 Message size exceeds fixed limit"


def test_a_line_of_a_million_characters_arrives() -> None:
    mail = lab.message(BOB, ALICE)
    text = mail.as_string().replace("\n", "\r\n") + "x" * 1_000_000
    (replies,) = wire((*TO_ALICE, "DATA\r\n", f"{text}\r\n.\r\n"))
    assert "queued as" in replies[5], replies
    assert lab.received(ALICE, mail).count(b"x") >= 1_000_000


def test_endlessly_nested_parts_are_refused_and_do_no_harm() -> None:
    mail = lab.message(BOB, ALICE).as_string().partition("Content-Type:")[0].replace("\n", "\r\n")
    nested = "".join(
        f'Content-Type: multipart/mixed; boundary="{level}"\r\n\r\n--{level}\r\n'
        for level in range(1000)
    )
    (replies,) = wire((*TO_ALICE, "DATA\r\n", f"{mail}{nested}\r\n.\r\n"))
    assert replies[5].startswith("5"), replies
    assert lab.answer_to(ALICE).startswith("250 2.1.5")


@pytest.mark.parametrize(
    ("garbage", "answer"),
    [
        ("\0\377\0\377\r\n", "5"),
        ("GET / HTTP/1.1\r\n", "221 2.7.0 Error: I can break rules, too. Goodbye."),
        ("VRFY alice@example.org\r\n", "502 5.5.1 VRFY command is disabled"),
        ("EXPN all@example.org\r\n", "500 5.5.2 Error: command not recognized"),
        ("ETRN example.org\r\n", "554 5.7.1 <example.org>: Etrn command rejected: Access denied"),
    ],
)
def test_what_is_no_command_is_refused(garbage: str, answer: str) -> None:
    (replies,) = wire((HELLO, garbage))
    assert replies[2].startswith(answer), replies


def test_a_command_of_a_hundred_thousand_characters_is_refused() -> None:
    (replies,) = wire(("EHLO " + "x" * 100_000 + "\r\n", *TO_ALICE[1:]))
    # A newer Postfix disconnects at once.
    assert any(reply.startswith("5") for reply in replies), replies
    assert not any(reply.startswith("250 2.1.5") for reply in replies), replies


def test_commands_that_come_before_their_turn_are_refused() -> None:
    everything = "".join((*TO_ALICE, "DATA\r\n"))
    (replies,) = wire(("EHLO a.example.net\r\nMAIL FROM:<>\r\n" + everything,))
    assert any(reply.startswith(("503 5.5.", "554 5.5.0")) for reply in replies), replies
    assert not any("354" in reply for reply in replies), replies


def test_garbage_in_the_place_of_tls_ends_the_connection_and_no_more() -> None:
    mark = cursor()
    wire(*[(HELLO, "STARTTLS\r\n", "\0garbage\377" * 500)] * 3)
    lab.eventually("the log", lambda: log_since(mark, "SSL_accept error") or None)
    assert not log_since(mark, "fatal") and not log_since(mark, "panic")
    assert lab.answer_to(ALICE).startswith("250 2.1.5")


@pytest.mark.parametrize(
    ("subject", "part", "answer"),
    [
        ("you have won a prize", "", "550 5.7.1 We did not play"),
        ("bill", "bill.pdf.exe", "550 5.7.1 No programs by mail, please"),
        ("bill", "bill.pdf", "250 2.0.0 Ok: queued"),
    ],
)
def test_contents_are_refused_by_the_operators_patterns(
    subject: str, part: str, answer: str
) -> None:
    mail = lab.message(BOB, ALICE)
    mail.replace_header("Subject", f"{mail['Subject']} {subject}")
    if part:
        mail.add_attachment(b"MZ", "application", "octet-stream", filename=part)
    text = mail.as_string().replace("\n", "\r\n")
    (replies,) = wire((*TO_ALICE, "DATA\r\n", f"{text}.\r\n"))
    assert replies[5].startswith(answer), replies
