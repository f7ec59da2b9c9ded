# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send and read mail, as users and other servers do."""

from __future__ import annotations

import imaplib
import re
import shlex
import smtplib
import ssl
import time
import uuid
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from pathlib import Path

from tests.lab.lab.hosts import IMAPS, MX, STATE, SUBMISSIONS, eventually, on


def password(address: str) -> str:
    """Return the password of a user in the lab's inventory."""
    return (STATE / "secrets" / f"password-{address}").read_text().strip()


def trusting_the_ca() -> ssl.SSLContext:
    """Return the TLS context of a mail client, which trusts the lab's CA and verifies names."""
    return ssl.create_default_context(cafile=str(STATE / "tls" / "pebble-root.pem"))


def imap(address: str, secret: str | None = None) -> imaplib.IMAP4_SSL:
    """Open an IMAP session of a user over TLS, and verify the certificate."""
    session = imaplib.IMAP4_SSL(MX, IMAPS, ssl_context=trusting_the_ca(), timeout=20)
    try:
        session.login(address, password(address) if secret is None else secret)
    except imaplib.IMAP4.error:
        session.shutdown()
        raise
    return session


def submission(port: int, certificate: Path | None = None) -> smtplib.SMTP:
    """Open an encrypted connection to a submission port, not yet logged in."""
    client, context = "client.example.org", trusting_the_ca()
    if certificate:
        context.load_cert_chain(certificate)
    if port == SUBMISSIONS:
        return smtplib.SMTP_SSL(MX, port, client, timeout=20, context=context)
    session = smtplib.SMTP(MX, port, client, timeout=20)
    session.starttls(context=context)
    return session


def message(sender: str, recipient: str, text: str = "A message of the lab.") -> EmailMessage:
    """Return a message with a unique subject."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = f"test {uuid.uuid4()}"
    mail["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    mail["Message-ID"] = f"<{uuid.uuid4()}@{parseaddr(sender)[1].partition('@')[2]}>"
    mail.set_content(text)
    return mail


def submit(mail: EmailMessage, port: int = SUBMISSIONS, login: str = "") -> None:
    """Submit a message, logged in as its author or as another user."""
    login = login or str(mail["From"])
    with submission(port) as session:
        session.login(login, password(login))
        session.send_message(mail)


def answer_to(recipient: str, sender: str = "bob@example.net") -> str:
    """Return the mail host's answer to another server's RCPT TO."""
    words = ["swaks", "--server", MX, "--from", sender, "--to", recipient, "--quit-after", "RCPT"]
    dialogue = on("peer", shlex.join(words), check=False)
    rcpt = dialogue.index(f"RCPT TO:<{recipient}>")
    return dialogue[rcpt:].splitlines()[1].removeprefix("<**").removeprefix("<-").strip()


def send_from_peer(mail: EmailMessage) -> None:
    """Send a message from the other mail server."""
    words = ["sendmail", "-f", str(mail["From"]), str(mail["To"])]
    on("peer", shlex.join(words), mail.as_string())


def find(address: str, mail: EmailMessage, folder: str = "INBOX") -> bytes | None:
    """Return the message in the user's folder, None if it is not there."""
    with imap(address) as session:
        if session.select(folder, readonly=True)[0] != "OK":
            return None
        _, found = session.search(None, "SUBJECT", f'"{mail["Subject"]}"')
        if not found[0]:
            return None
        _, parts = session.fetch(found[0].split()[0].decode(), "(BODY.PEEK[])")
        body = parts[0]
        assert isinstance(body, tuple)
        content: bytes = body[1]
        return content


def received(address: str, mail: EmailMessage, folder: str = "INBOX") -> bytes:
    """Wait for the message in the user's folder, and return it."""
    return eventually(
        f"{mail['Subject']} in {folder} of {address}", lambda: find(address, mail, folder)
    )


def received_at_peer(mail: EmailMessage) -> bytes:
    """Wait for the message in bob's mailbox on the other mail server, and return it."""
    subject = shlex.quote(str(mail["Subject"]))
    files = f"grep -rslF {subject} /home/bob/Maildir/new /home/bob/Maildir/cur"
    name = eventually(
        f"{mail['Subject']} at peer", lambda: on("peer", files, check=False).strip() or None
    )
    return on("peer", f"cat {shlex.quote(name.splitlines()[0])}").encode()


def log_of(host: str, mail: EmailMessage, word: str) -> list[str]:
    """Return the log lines of a host's Postfix about a message that contain a word."""
    log = on(host, "journalctl --no-pager -o cat -u 'postfix*' --since -15min").splitlines()
    queue_ids = {
        line.partition(":")[0] for line in log if f"message-id={mail['Message-ID']}" in line
    }
    return [line for line in log if word in line and line.partition(":")[0] in queue_ids]


def deferral(host: str, mail: EmailMessage) -> str:
    """Wait until a host's Postfix defers a message, and return the log line."""
    lines = eventually(
        f"{mail['Subject']} in the queue of {host}",
        lambda: log_of(host, mail, "status=deferred") or None,
    )
    return lines[0]


def connection_of(host: str, mail: EmailMessage) -> str:
    """Return the log line about the TLS connection over which a host's Postfix sent a message."""
    delivered = eventually("the delivery", lambda: log_of(host, mail, "status=sent") or None)[-1]
    queue_id = delivered.partition(":")[0]
    lines = on(host, "journalctl --no-pager -o short -u 'postfix*' --since -15min").splitlines()
    ends = [number for number, line in enumerate(lines) if f": {queue_id}: to=<" in line]
    process = lines[ends[-1]].split(f": {queue_id}")[0].rsplit(" ", 1)[1]
    connections = [
        line.split(f"{process}: ")[1]
        for line in lines[: ends[-1]]
        if f"{process}: " in line and " TLS connection established to " in line
    ]
    assert connections, f"{process} on {host} connected without TLS"
    return connections[-1]


def verdicts(arrived: bytes) -> set[str]:
    """Return the results of the other mail server's verifiers, such as spf=pass."""
    headers = BytesParser().parsebytes(arrived).get_all("Authentication-Results", [])
    own = [header for header in headers if header.startswith("peer.example.net;")]
    return set(re.findall(r"\b(?:spf|dkim|dmarc)=\w+", " ".join(own)))
