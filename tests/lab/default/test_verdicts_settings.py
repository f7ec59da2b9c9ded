# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail with ClamAV, which has no signatures at first, and with non-default thresholds."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.lab import lab
from tests.lab.exposure import exposed

PORT25 = str(Path(__file__).with_name("port25.yml"))
ALICE = "alice@example.org"
BOB = "bob@example.net"
PARTNER = "partner@example.net"
# The EICAR test file. In two parts, so that scanners do not detect this file.
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
# The lab cannot download signatures; clamd reads any file in this format.
SIGNATURES = {
    "main.ndb": f"Eicar-Test:0:*:{EICAR.encode().hex()}\n",
    "daily.ndb": "Nothing:0:*:" + "00ff" * 20 + "\n",
}


def infected(sender: str, recipient: str) -> EmailMessage:
    mail = lab.message(sender, recipient)
    inner = lab.message(sender, recipient)
    inner.add_attachment(EICAR.encode(), "application", "zip", filename="invoice.pdf")
    mail.add_attachment(inner)
    return mail


def outcome(mail: EmailMessage) -> str:
    """Return the outcome of a message from the other server."""
    return lab.eventually("the outcome", lambda: lab.log_of("peer", mail, "status=") or None)[-1]


def wait_for_clamd() -> None:
    """Wait until clamd answers, which it does once it has read its signatures (clamd(8))."""
    ping = (
        "import socket; clamd = socket.socket(socket.AF_UNIX);"
        " clamd.connect('/run/clamav/clamd.ctl'); clamd.send(b'nPING\\n');"
        " print(clamd.recv(9).decode())"
    )
    lab.eventually(
        "clamd", lambda: "PONG" in lab.on("mx", f'python3 -c "{ping}"', check=False) or None
    )


@pytest.fixture(scope="module", autouse=True)
def without_signatures() -> Iterator[EmailMessage]:
    """Run with ClamAV for the first time, and send a message meanwhile."""
    run = lab.playbook(PORT25, rspamd_antivirus=True, rspamd_reject_score=7, rspamd_junk_score=5)
    assert run.returncode == 0, run.stdout
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    waiting = outcome(mail)
    assert "status=deferred" in waiting, waiting
    assert "451 4.7.1 This mail cannot be scanned for viruses now, try again later" in waiting
    for name, text in SIGNATURES.items():
        lab.on("mx", f"cat >/var/lib/clamav/{name}", text)
    wait_for_clamd()
    yield mail
    lab.on("mx", "systemctl disable --now clamav-daemon.service clamav-freshclam.service")
    lab.on("mx", f"cd /var/lib/clamav && rm {' '.join(SIGNATURES)}")
    run = lab.playbook(PORT25)
    assert run.returncode == 0, run.stdout


def test_mail_arrives_when_the_first_signatures_have_come(
    without_signatures: EmailMessage,
) -> None:
    lab.on("peer", "postqueue -f")
    lab.received(ALICE, without_signatures)


@pytest.mark.parametrize("sender", [BOB, PARTNER])
def test_a_virus_is_refused_also_from_who_is_permitted(sender: str) -> None:
    mail = infected(sender, ALICE)
    lab.send_from_peer(mail)
    assert "554 5.7.1 A virus was found: Eicar-Test.UNOFFICIAL" in outcome(mail)


def test_a_virus_of_a_user_is_refused() -> None:
    with pytest.raises(smtplib.SMTPDataError, match="A virus was found: Eicar-Test"):
        lab.submit(infected(ALICE, BOB))


def test_a_large_message_is_looked_at_to_its_end() -> None:
    mail = infected(ALICE, BOB)
    mail.add_attachment(b"x" * 30_000_000, "application", "octet-stream", filename="large")
    mail.add_attachment(EICAR.encode(), "application", "zip", filename="invoice.pdf")
    with pytest.raises(smtplib.SMTPDataError, match="A virus was found: Eicar-Test"):
        lab.submit(mail)


def test_neither_clamav_nor_its_updates_are_exposed() -> None:
    assert exposed("clamav-daemon", "clamav-freshclam") == {}


def test_mail_is_put_off_while_clamd_is_dead() -> None:
    permitted = lab.message(PARTNER, ALICE)
    lab.on("mx", "systemctl stop clamav-daemon.service")
    try:
        lab.send_from_peer(permitted)
        assert "451 4.7.1 This mail cannot be scanned" in outcome(permitted)
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            lab.submit(lab.message(ALICE, BOB))
    finally:
        lab.on("mx", "systemctl start clamav-daemon.service")
        wait_for_clamd()
    unscanned = b"4.7.1 This mail cannot be scanned for viruses now, try again later"
    assert refusal.value.args == (451, unscanned)


def test_mail_is_refused_from_the_score_on_that_is_set() -> None:
    mail = lab.message(BOB, ALICE)
    mail.replace_header("Subject", str(mail["Subject"]).upper())
    del mail["To"]
    swaks = f"swaks --server {lab.MX} --from {BOB} --to {ALICE} --data -"
    text = mail.as_string().replace("Date:", "X-Date:").replace("Message-ID:", "X-Message:")
    assert "554 5.7.1 Spam message rejected" in lab.on("peer", swaks, text, check=False)
