# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which messages are counted, and as how well protected."""

from __future__ import annotations

import pytest

from pillarbox.tls import traffic
from pillarbox.tls.traffic import Key, Traffic, Way

from .log import CLEAR_THEN_REUSED, PEER, RECEIVED, SENT, events

NOW = 1795738580.0
DAY = "2026-11-27"
AES = "TLS_AES_256_GCM_SHA384"
RPK = "ECDSA (prime256v1 raw public key)"
ENCRYPTED = Way("encrypted", "TLSv1.3", AES, "x25519", RPK)
VERIFIED = Way("verified", "TLSv1.3", AES, "x25519", RPK)
SERVER = ("peer.example.net", 25)
DELAYS = "delay=1, delays=0/0/1/0"


def read(log: str, before: Traffic | None = None) -> Traffic:
    """Add the events of a log, to what is known from before."""
    counted = Traffic(before.state(NOW) if before else "")
    for event in events(log):
        counted.add(event, NOW, DAY)
    return counted


def sent(*lines: str) -> dict[tuple[str, str], int]:
    """The messages that one process has sent, by domain and quality."""
    counted = read("\n".join(f"postfix/smtp[7]: {line}" for line in lines))
    return {(key.domain, key.way.quality): number for key, number in counted.messages.items()}


def tls(trust: str, relay: str = "mx.example.com[192.0.2.1]:25") -> str:
    return f"{trust} TLS connection established to {relay}: TLSv1.2 with cipher A (256/256 bits)"


def to(
    address: str,
    queue_id: str = "A1B2C3D4E5",
    relay: str = "mx.example.com[192.0.2.1]:25",
    status: str = "sent",
) -> str:
    return f"{queue_id}: to=<{address}>, relay={relay}, {DELAYS}, dsn=2.0.0, status={status} (250)"


def test_a_message_that_arrives_is_counted_for_its_senders_domain() -> None:
    counted = read(RECEIVED)
    assert counted.messages == {Key(DAY, "peer.example.net", False, ENCRYPTED): 1}
    assert not counted.idle


def test_a_message_without_sender_is_counted_for_the_clients_domain() -> None:
    counted = read(RECEIVED.replace("<bob@peer.example.net>", "<>"))
    assert counted.messages == {Key(DAY, "example.net", False, ENCRYPTED): 1}


def test_a_message_that_leaves_is_counted_for_its_recipients_domain() -> None:
    assert read(SENT).messages == {Key(DAY, "example.net", True, VERIFIED, *SERVER): 1}


def test_the_next_message_of_the_process_is_not_as_well_protected_as_the_last() -> None:
    counted = read(SENT + CLEAR_THEN_REUSED)
    reused = VERIFIED._replace(signature="")
    assert counted.messages == {
        Key(DAY, "example.net", True, VERIFIED, *SERVER): 1,
        Key(DAY, "peer.example.net", True, Way("clear")): 1,
        Key(DAY, "example.net", True, reused, *SERVER): 1,
    }


@pytest.mark.parametrize(
    ("trust", "quality"),
    [
        ("Verified", "verified"),
        ("Trusted", "trusted"),
        ("Untrusted", "encrypted"),
        ("Anonymous", "encrypted"),
    ],
)
def test_what_postfix_says_of_the_server_is_the_quality(trust: str, quality: str) -> None:
    assert sent(tls(trust), to("a@example.com")) == {("example.com", quality): 1}


def test_a_client_certificate_makes_received_mail_no_better() -> None:
    counted = read(RECEIVED.replace("Anonymous", "Trusted"))
    assert [key.way.quality for key in counted.messages] == ["encrypted"]


def test_a_message_with_several_recipients_counts_once_for_each_domain() -> None:
    assert sent(tls("Trusted"), to("a@example.com"), to("b@example.com"), to("c@example.net")) == {
        ("example.com", "trusted"): 1,
        ("example.net", "trusted"): 1,
    }


def test_mail_that_is_refused_or_has_to_wait_is_not_counted() -> None:
    assert sent(tls("Trusted"), to("a@example.com", status="deferred")) == {}
    assert (
        sent(to("a@example.com", status="bounced"), to("a@example.com", status="deliverable")) == {}
    )


def test_the_connection_of_refused_mail_does_not_protect_the_next_message() -> None:
    lines = [to("a@example.com", "AAAAAAAAAA", status="bounced"), to("a@example.com", "BBBBBBBBBB")]
    assert sent(tls("Trusted"), *lines) == {("example.com", "clear"): 1}


def test_tls_with_another_server_does_not_count() -> None:
    second = "mx2.example.com[192.0.2.2]:25"
    assert sent(tls("Trusted"), to("a@example.com", relay=second)) == {("example.com", "clear"): 1}


def test_mail_that_is_tried_again_after_tls_broke_is_in_clear_text() -> None:
    lost = "A1B2C3D4E5: lost connection with mx.example.com[192.0.2.1] while sending DATA command"
    assert sent(tls("Trusted"), lost, to("a@example.com")) == {("example.com", "clear"): 1}


CLEAR = "\n".join(line for line in RECEIVED.splitlines() if "TLS" not in line).replace(
    "starttls=1 ", ""
)


def test_without_tls_a_message_arrives_in_clear_text() -> None:
    assert read(CLEAR).messages == {Key(DAY, "peer.example.net", False, Way("clear")): 1}


def test_tls_ends_with_the_connection() -> None:
    # The first connection breaks so that nothing else is logged of it.
    first = "\n".join(RECEIVED.splitlines()[:5])
    assert [key.way for key in read(f"{first}\n{CLEAR}").messages] == [Way("clear")]


def test_a_message_that_is_refused_in_the_end_is_not_counted() -> None:
    refused = "\n".join(line for line in RECEIVED.splitlines() if "qmgr" not in line)
    counted = read(refused.replace("data=1", "data=0/1"))
    assert not counted.messages
    assert counted.idle == {(DAY, "refused"): 1}


def test_a_message_that_is_tried_again_is_counted_once() -> None:
    again = "postfix/qmgr[1]: 5741919A05D: from=<a@b.example>, size=7, nrcpt=1 (queue active)\n"
    assert read(RECEIVED + again).messages.total() == 1


def test_connections_without_mail_are_counted_apart() -> None:
    counted = read(
        "postfix/postscreen[1]: DISCONNECT [192.0.2.1]:1\n"
        "postfix/smtpd[2]: connect from unknown[192.0.2.1]\n"
        "postfix/smtpd[2]: disconnect from unknown[192.0.2.1] ehlo=1 quit=1 commands=2\n"
    )
    assert not counted.messages
    assert counted.idle == {(DAY, "screened"): 1, (DAY, "silent"): 1}


@pytest.mark.parametrize("log", [RECEIVED, SENT + CLEAR_THEN_REUSED])
def test_it_does_not_matter_where_a_reading_ends(log: str) -> None:
    whole = read(log).messages
    lines = log.splitlines(keepends=True)
    for end in range(len(lines) + 1):
        first = read("".join(lines[:end]))
        second = read("".join(lines[end:]), first)
        assert first.messages + second.messages == whole


def test_recipients_on_both_sides_of_the_end_of_a_reading_count_once() -> None:
    prefix = "postfix/smtp[7]: "
    first = read(prefix + tls("Trusted") + "\n" + prefix + to("a@example.com"))
    second = read(prefix + to("b@example.com"), first)
    assert (first.messages.total(), second.messages.total()) == (1, 0)


def test_the_state_has_no_address() -> None:
    log = RECEIVED.replace("postfix/qmgr", "postfix/other") + SENT
    state = read(log).state(NOW)
    assert "5741919A05D" in state and "28776" in state
    for secret in ("2001:2", "bob", "alice"):
        assert secret not in state


def test_what_is_never_finished_is_forgotten_after_a_day() -> None:
    unfinished = read(RECEIVED.replace("postfix/qmgr", "postfix/other") + SENT)
    assert unfinished.incoming and unfinished.outgoing
    later = Traffic(unfinished.state(NOW + 90_000))
    assert not later.incoming and not later.outgoing


def test_strangers_cannot_make_the_state_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "MOST", 3)
    lines = (f"postfix/smtpd[{n}]: A1B2C3D4{n}: client={PEER}" for n in range(10, 20))
    assert list(read("\n".join(lines)).incoming) == ["A1B2C3D417", "A1B2C3D418", "A1B2C3D419"]
