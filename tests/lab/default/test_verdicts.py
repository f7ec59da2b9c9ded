# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users can read the results of the checks, and the operator's rules for senders apply."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.parser import BytesParser

import dkim
import pytest

from tests.lab import lab
from tests.lab.wire import wire

ALICE = "alice@example.org"
BOB = "bob@example.net"
PARTNER = "partner@example.net"
# Members: Alice, Carol and bob@example.net, who is on another server.
TEAM = "team@example.org"
# Another address of peer, which the lab's settings permit here and at port 25.
PERMITTED = "198.18.0.81"
BANK = "dmarc=pass header.from=bank.example"


def headers(mail: bytes) -> Message:
    return BytesParser().parsebytes(mail)


def spam_like(sender: str, recipient: str = ALICE) -> EmailMessage:
    """Return a message that looks like spam, but below the score for rejection."""
    mail = lab.message(sender, recipient)
    mail.replace_header("Subject", str(mail["Subject"]).upper())
    for name in ("To", "Date", "Message-ID"):
        del mail[name]
    return mail


def deliver(mail: EmailMessage, recipient: str, client: str = "198.18.0.20") -> str:
    """Deliver a message from one of peer's addresses, and return the mail host's reply."""
    envelope = [f"MAIL FROM:<{mail['From']}>", f"RCPT TO:<{recipient}>", "DATA"]
    sends = [f"{line}\r\n" for line in ("EHLO peer.example.net", *envelope)]
    (replies,) = wire((*sends, mail.as_string().replace("\n", "\r\n") + "\r\n.\r\n"), client=client)
    return replies[5]


@pytest.fixture(scope="module")
def forwarded() -> EmailMessage:
    """Send a message with forged results to a list with a member on another server."""
    mail = lab.message(BOB, TEAM)
    for name in ("mx.example.org", "mx", "other.example.com"):
        mail["Authentication-Results"] = f"{name}; {BANK}"
    mail["X-Spamd-Result"] = "default: False [-99.00 / 15.00]"
    lab.send_from_peer(mail)
    return mail


def test_the_results_of_the_checks_are_in_the_header(forwarded: EmailMessage) -> None:
    (results,) = headers(lab.received(ALICE, forwarded)).get_all("Authentication-Results", [])

    assert results.startswith("mx.example.org;")
    for found in ("spf=pass", "dkim=none", "dmarc=pass (policy=reject) header.from=example.net"):
        assert found in results, results


def test_results_forged_by_a_sender_are_removed(forwarded: EmailMessage) -> None:
    arrived = lab.received(ALICE, forwarded)
    assert b"bank.example" not in arrived and b"-99.00" not in arrived


def test_results_forged_by_a_user_are_removed_too() -> None:
    mail = lab.message(ALICE, "carol@example.org")
    mail["Authentication-Results"] = f"mx.example.org; {BANK}"
    lab.submit(mail)
    assert b"bank.example" not in lab.received("carol@example.org", mail)


def test_the_score_is_in_the_header(forwarded: EmailMessage) -> None:
    (score,) = headers(lab.received(ALICE, forwarded)).get_all("X-Spamd-Result", [])
    assert score.startswith("default: False [-") and "DMARC_POLICY_ALLOW" in score, score


def test_forwarded_mail_is_sealed_and_seals_are_checked(forwarded: EmailMessage) -> None:
    sealed = lab.received_at_peer(forwarded)
    verdict, sets, why = dkim.arc_verify(sealed, dnsfunc=lab.txt_record)
    assert (verdict, len(sets)) == (dkim.CV_Pass, 1), why
    assert b"d=example.org" in headers(sealed)["ARC-Seal"].encode()

    # Return it, as a server does that forwards without sealing.
    lab.on("peer", f"sendmail -f {BOB} carol@example.org", sealed.decode())

    def back() -> bytes | None:
        with lab.imap("carol@example.org") as session:
            session.select("INBOX", readonly=True)
            found = session.search(None, "SUBJECT", f'"{forwarded["Subject"]}"')[1][0].split()
            if len(found) < 2:
                return None
            part = session.fetch(found[-1].decode(), "(BODY.PEEK[])")[1][0]
        assert isinstance(part, tuple)
        return bytes(part[1])

    twice = lab.eventually("the second copy", back)
    assert "arc=pass" in str(headers(twice)["Authentication-Results"])
    verdict, sets, why = dkim.arc_verify(twice, dnsfunc=lab.txt_record)
    assert (verdict, len(sets)) == (dkim.CV_Pass, 2), why


# rspamd_senders


def test_a_permitted_sender_may_look_like_spam_and_another_may_not() -> None:
    another, permitted, forwarded_one = spam_like(BOB), spam_like(PARTNER), spam_like(PARTNER)

    assert deliver(another, ALICE).startswith("250 ")
    assert deliver(permitted, ALICE).startswith("250 ")
    assert deliver(forwarded_one, TEAM).startswith("250 ")

    assert b"X-Spam: Yes" in lab.received(ALICE, another, "Junk")
    lab.received(ALICE, permitted)
    lab.received_at_peer(forwarded_one)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    lab.on("peer", f"ip address add {PERMITTED}/24 dev eth0")
    yield
    lab.on("peer", f"ip address del {PERMITTED}/24 dev eth0")


def test_a_forged_permitted_sender_is_not_permitted() -> None:
    scan = f"rspamc -h /run/rspamd/controller.sock --ip 198.18.0.90 --helo x --from {PARTNER}"
    verdict = lab.on("mx", scan, spam_like(PARTNER).as_string())
    assert "Action: reject" in verdict and "DMARC_POLICY_REJECT" in verdict, verdict


@pytest.mark.usefixtures("elsewhere")
def test_a_permitted_network_may_send_spam_but_not_as_one_of_our_users() -> None:
    honest, forged = spam_like("someone@peer.example.net"), lab.message(ALICE, ALICE)

    assert deliver(honest, ALICE, PERMITTED).startswith("250 ")
    assert deliver(forged, ALICE, PERMITTED).startswith("250 ")

    lab.received(ALICE, honest)
    lab.received(ALICE, forged, "Junk")


@pytest.mark.parametrize(
    ("envelope", "author"),
    [
        (BOB, "win@ads.example.net"),
        (BOB, "win@more.ads.example.net"),
        ("offers@example.net", BOB),
    ],
)
def test_a_refused_sender_is_refused(envelope: str, author: str) -> None:
    mail = lab.message(author, ALICE)
    swaks = f"swaks --server {lab.MX} --from {envelope} --to {ALICE} --data -"
    answer = lab.on("peer", swaks, mail.as_string(), check=False)
    assert "554 5.7.1 Mail from this sender is not wanted here" in answer, answer


@pytest.mark.parametrize(
    ("client", "action"), [("198.18.0.100", "reject"), ("198.18.0.20", "no action")]
)
def test_a_refused_network_is_refused(client: str, action: str) -> None:
    scan = f"rspamc -h /run/rspamd/controller.sock --ip {client} --helo peer.example.net"
    verdict = lab.on("mx", f"{scan} --from {BOB}", lab.message(BOB, ALICE).as_string())
    assert f"Action: {action}\n" in verdict, verdict
