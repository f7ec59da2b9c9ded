# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""200 mails arrive and 50 leave while each part of the server in turn is stopped and started.

All tests evaluate the same outages.
"""

from __future__ import annotations

import smtplib
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple

import pytest

from tests.lab import lab
from tests.lab.faults.parts import ALICE, BOB, DATABASE, look_at_the_queues, stopped

PARTS = ("rspamd", DATABASE, "dovecot", "unbound")
# While each part is stopped.
INCOMING, OUTGOING = 50, 13
RUN = uuid.uuid4().hex

# One every tenth of a second.
SEND = """for number in $(seq {first} {last}); do
    printf 'From: {sender}\\nTo: {recipient}\\nSubject: {run} %d\\n\\nHello.\\n' $number |
        sendmail -f {sender} {recipient}
    sleep 0.1
done"""


class Outage(NamedTuple):
    """The effect of one outage of a part on the mail sent meanwhile."""

    part: str
    arriving: int
    leaving: int
    seconds: float
    waiting_at_peer: int
    waiting_at_mx: int
    put_off: int
    drained_after: float


def in_queue(host: str) -> int:
    return len(lab.on(host, "postqueue -j").splitlines())


def submit_as_a_mail_program_does(number: int) -> int:
    """Send a message as Alice, with retries until it is accepted; return the number of refusals."""
    mail = lab.message(ALICE, BOB)
    mail.replace_header("Subject", f"{RUN} {number}")
    refusals = 0
    while True:
        try:
            lab.submit(mail)
        except (smtplib.SMTPException, OSError):
            refusals += 1
            assert refusals < 60, f"message {number} of Alice was never accepted"
            time.sleep(0.5)
        else:
            return refusals


def outage(number: int, part: str) -> Outage:
    """Stop a part after a second of mail in both directions; start it after the last mail."""
    first = number * INCOMING
    ours = range(number * OUTGOING, min((number + 1) * OUTGOING, 50))
    send = SEND.format(first=first, last=first + INCOMING - 1, sender=BOB, recipient=ALICE, run=RUN)
    with ThreadPoolExecutor(max_workers=2) as pool:
        incoming = pool.submit(lab.on, "peer", send)
        outgoing = pool.submit(lambda: sum(map(submit_as_a_mail_program_does, ours)))
        time.sleep(1)
        start = time.monotonic()
        with stopped(part):
            incoming.result()
            waiting = in_queue("peer"), in_queue("mx")
        started = time.monotonic()

        def all_gone() -> bool | None:
            look_at_the_queues()
            return (outgoing.done() and not in_queue("peer") and not in_queue("mx")) or None

        lab.eventually(f"empty queues after {part}", all_gone, patience=60)
        drained = time.monotonic() - started
        return Outage(
            part, INCOMING, len(ours), started - start, *waiting, outgoing.result(), drained
        )


@pytest.fixture(scope="module")
def outages() -> list[Outage]:
    return [outage(number, part) for number, part in enumerate(PARTS)]


def in_mailbox() -> Iterator[tuple[str, Message]]:
    """Yield the folder and the headers of each mail of this run in Alice's mailbox."""
    with lab.imap(ALICE) as session:
        for line in session.list()[1]:
            assert isinstance(line, bytes)
            folder = line.decode().rsplit(' "/" ', 1)[1]
            session.select(folder, readonly=True)
            _, data = session.search(None, "SUBJECT", RUN)
            if not data[0]:
                continue
            _, parts = session.fetch(data[0].replace(b" ", b",").decode(), "(BODY.PEEK[HEADER])")
            for part in parts:
                if isinstance(part, tuple):
                    yield folder, BytesHeaderParser().parsebytes(part[1])


def at_peer() -> Iterator[Message]:
    """Yield the headers of each mail of this run in Bob's mailbox."""
    heads = "cd /home/bob/Maildir && grep -rl %s new cur | xargs -n 1 sed '/^$/q'"
    for head in lab.on("peer", heads % RUN).split("\n\n"):
        if head.strip():
            yield BytesHeaderParser().parsebytes(head.lstrip().encode())


def numbers(mails: Iterator[Message]) -> Counter[int]:
    return Counter(int(str(mail["Subject"]).split()[-1]) for mail in mails)


def test_every_mail_ends_delivered_exactly_once(outages: list[Outage]) -> None:
    assert numbers(mail for _, mail in in_mailbox()) == Counter(range(len(PARTS) * INCOMING))
    assert numbers(at_peer()) == Counter(range(50))


def test_none_is_misfiled_or_unscanned(outages: list[Outage]) -> None:
    assert {folder for folder, _ in in_mailbox()} == {"INBOX"}
    for _, mail in in_mailbox():
        verdict = str(mail["Authentication-Results"])
        assert verdict.startswith("mx.example.org;") and "spf=pass" in verdict, verdict
        assert "dmarc=pass" in verdict, verdict


def test_none_leaves_unsigned(outages: list[Outage]) -> None:
    for mail in at_peer():
        results = " ".join(map(str, mail.get_all("Authentication-Results", [])))
        assert len(mail.get_all("DKIM-Signature", [])) == 2
        assert "dkim=pass" in results and "dmarc=pass" in results


def test_the_outages_are_measured(outages: list[Outage]) -> None:
    figures = "".join(
        f"measured: {it.part} stopped for {it.seconds:.1f} s: waiting at the sender"
        f" {it.waiting_at_peer}, in the queue {it.waiting_at_mx}, submissions put off {it.put_off};"
        f" {it.arriving} in, {it.leaving} out delivered {it.drained_after:.1f} s after its start\n"
        for it in outages
    )
    (lab.LOGS / f"{lab.SCENARIO}-measured.log").write_text(figures)
    by_part = {it.part: it for it in outages}
    # Otherwise the outage had no effect, and nothing was tested.
    assert by_part["rspamd"].waiting_at_peer > 20
    assert by_part["dovecot"].waiting_at_mx > 20
    assert by_part["unbound"].waiting_at_peer > 20
