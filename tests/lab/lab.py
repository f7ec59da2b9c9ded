# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running lab as its tests see it: hosts to command, mail to send and to read."""

from __future__ import annotations

import imaplib
import json
import os
import re
import shlex
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from pathlib import Path
from typing import Any, TypeVar

import dkim

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".cache" / "lab"
LOGS = ROOT / ".cache" / "log"
COLLECTIONS = ROOT / ".cache" / "collections"
# One set of tests may serve several scenarios.
SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "default")

MX = "mx.example.org"
ADDRESSES = {MX: "198.18.0.10", "peer.example.net": "198.18.0.20", "internet": "198.18.0.53"}
PRIMARY = "198.18.0.53"
IMAPS, SUBMISSIONS, SUBMISSION, SMTP = 993, 465, 587, 25
POP3S, MANAGESIEVE = 995, 4190

# Of the records that a run publishes, in seconds, as lab/group_vars/mail_servers.yml sets it.
TTL = 5

# What each test waits at most for a delivery, in seconds. A host under test is slow, not broken.
PATIENCE = 40.0

T = TypeVar("T")


def use_names() -> None:
    """Let this process connect to the hosts by name, so that their certificates can be checked.

    The controller does not ask the lab's DNS.
    """
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(ADDRESSES.get(host, host), *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def eventually(what: str, attempt: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first result of attempt that is not None; fails saying what never came."""
    deadline = time.monotonic() + patience
    while True:
        result = attempt()
        if result is not None:
            return result
        assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}"
        time.sleep(0.3)


def on(host: str, command: str, stdin: str = "", check: bool = True, timeout: float = 120) -> str:
    """What a shell command prints on a host of the lab (its standard error follows)."""
    run = subprocess.run(
        ["ssh", "-F", str(STATE / "ssh_config"), host, command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert not check or run.returncode == 0, f"{host}: {command}: {run.stdout}"
    return run.stdout


def reboot(host: str) -> None:
    """Restart a host as a whole: all but the kernel, which is not the container's."""
    subprocess.run([str(ROOT / "bin" / "lab"), "reboot", host], check=True, timeout=120)


def stop_filter() -> None:
    """End Rspamd at once; by itself it waits a quarter of a minute for its milter sessions."""
    on("mx", "systemctl kill -s KILL rspamd.service; systemctl stop rspamd.service")


def password(address: str) -> str:
    """The password that the lab's inventory gives a user."""
    return (STATE / "secrets" / f"password-{address}").read_text().strip()


def trusting_the_ca() -> ssl.SSLContext:
    """What a mail client has: the CA's root, and names checked."""
    return ssl.create_default_context(cafile=str(STATE / "tls" / "pebble-root.pem"))


def imap(address: str, secret: str | None = None) -> imaplib.IMAP4_SSL:
    """A session of a user, by TLS to the name in the certificate."""
    session = imaplib.IMAP4_SSL(MX, IMAPS, ssl_context=trusting_the_ca(), timeout=20)
    try:
        session.login(address, password(address) if secret is None else secret)
    except imaplib.IMAP4.error:
        session.shutdown()
        raise
    return session


def submission(port: int, certificate: Path | None = None) -> smtplib.SMTP:
    """A connection to a submission port, encrypted and not yet logged in."""
    client, context = "client.example.org", trusting_the_ca()
    if certificate:
        context.load_cert_chain(certificate)
    if port == SUBMISSIONS:
        return smtplib.SMTP_SSL(MX, port, client, timeout=20, context=context)
    session = smtplib.SMTP(MX, port, client, timeout=20)
    session.starttls(context=context)
    return session


def message(sender: str, recipient: str, text: str = "A message of the lab.") -> EmailMessage:
    """A message with a subject that no other has."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = f"test {uuid.uuid4()}"
    mail["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    mail["Message-ID"] = f"<{uuid.uuid4()}@{parseaddr(sender)[1].partition('@')[2]}>"
    mail.set_content(text)
    return mail


def submit(mail: EmailMessage, port: int = SUBMISSIONS, login: str = "") -> None:
    """Send a message, logged in as its author or with another name."""
    login = login or str(mail["From"])
    with submission(port) as session:
        session.login(login, password(login))
        session.send_message(mail)


def answer_to(recipient: str, sender: str = "bob@example.net") -> str:
    """What the mail host answers to another server's RCPT TO."""
    words = ["swaks", "--server", MX, "--from", sender, "--to", recipient, "--quit-after", "RCPT"]
    dialogue = on("peer", shlex.join(words), check=False)
    rcpt = dialogue.index(f"RCPT TO:<{recipient}>")
    return dialogue[rcpt:].splitlines()[1].removeprefix("<**").removeprefix("<-").strip()


def send_from_peer(mail: EmailMessage) -> None:
    """Give a message to the other mail server's queue."""
    words = ["sendmail", "-f", str(mail["From"]), str(mail["To"])]
    on("peer", shlex.join(words), mail.as_string())


def find(address: str, mail: EmailMessage, folder: str = "INBOX") -> bytes | None:
    """The message as it lies in the user's folder, None when it does not."""
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
    """The message, once it has arrived in the user's folder."""
    return eventually(
        f"{mail['Subject']} in {folder} of {address}", lambda: find(address, mail, folder)
    )


def received_at_peer(mail: EmailMessage) -> bytes:
    """The message, once it has arrived in bob's mailbox on the other mail server."""
    subject = shlex.quote(str(mail["Subject"]))
    files = f"grep -rslF {subject} /home/bob/Maildir/new /home/bob/Maildir/cur"
    name = eventually(
        f"{mail['Subject']} at peer", lambda: on("peer", files, check=False).strip() or None
    )
    return on("peer", f"cat {shlex.quote(name.splitlines()[0])}").encode()


def log_of(host: str, mail: EmailMessage, word: str) -> list[str]:
    """The lines with a word in them of what a host's Postfix logged of a message."""
    log = on(host, "journalctl --no-pager -o cat -u 'postfix*' --since -15min").splitlines()
    queue_ids = {
        line.partition(":")[0] for line in log if f"message-id={mail['Message-ID']}" in line
    }
    return [line for line in log if word in line and line.partition(":")[0] in queue_ids]


def deferral(host: str, mail: EmailMessage) -> str:
    """What a host's Postfix says of a message that it has to keep."""
    lines = eventually(
        f"{mail['Subject']} in the queue of {host}",
        lambda: log_of(host, mail, "status=deferred") or None,
    )
    return lines[0]


def connection_of(host: str, mail: EmailMessage) -> str:
    """What a host's Postfix says of the TLS connection over which it sent a message."""
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
    """What the other mail server's own verifiers found, such as spf=pass."""
    headers = BytesParser().parsebytes(arrived).get_all("Authentication-Results", [])
    own = [header for header in headers if header.startswith("peer.example.net;")]
    return set(re.findall(r"\b(?:spf|dkim|dmarc)=\w+", " ".join(own)))


def dig(name: str, rdtype: str, server: str = PRIMARY) -> list[str]:
    """The values of an RRset as an authoritative server has them, without dig's own spacing."""
    answer = on("internet", f"dig +short +tries=2 +time=3 @{server} {name} {rdtype}")
    return answer.split("\n")[:-1]


def txt_record(name: bytes, timeout: float = 5) -> bytes:
    """A TXT record as the lab's name server publishes it, for dkimpy."""
    strings = dig(name.decode(), "TXT")
    return "".join(re.findall(r'"([^"]*)"', "".join(strings))).encode()


def signatures(arrived: bytes) -> list[tuple[str, bool]]:
    """The selector of each DKIM signature, and whether dkimpy finds it valid by the lab's DNS."""
    verifier = dkim.DKIM(arrived)
    found = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    selectors = [re.findall(rb"\bs=([^;]+);", value)[0].decode() for value in found]
    return sorted(
        (selector, verifier.verify(index, dnsfunc=txt_record))
        for index, selector in enumerate(selectors)
    )


def changed(run: subprocess.CompletedProcess[str]) -> int:
    """How many tasks of a run changed something on the mail host; it must not have failed."""
    assert run.returncode == 0, run.stdout
    match = re.search(r"^mx .* changed=(\d+) ", run.stdout, re.MULTILINE)
    assert match, run.stdout
    return int(match.group(1))


def site(
    *arguments: str, collections: Path = COLLECTIONS, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run site.yml against the lab's mail host, with settings on top of the inventory's."""
    return playbook("pillarbox.mail.site", *arguments, collections=collections, **settings)


def by_the_labs_resolver(directory: Path) -> list[str]:
    """The command within which a program of the controller finds the lab's names."""
    file = directory / "resolv.conf"
    file.write_text("nameserver 198.18.0.55\n")
    mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, str(file)]


def playbook(
    name: str,
    *arguments: str,
    collections: Path = COLLECTIONS,
    within: Sequence[str] = (),
    **settings: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook with the lab's inventory, and with settings on top of that.

    A command in *within* gets the one that runs it as further arguments.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # In a file, as settings may be secret and arguments are there for all to see.
        json.dump(settings, file, default=str)
        file.flush()
        return subprocess.run(
            [*within, *command(name), *arguments, "-e", f"@{file.name}"],
            env=environment(collections),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )


def start(name: str) -> subprocess.Popen[bytes]:
    """Start a playbook as the leader of a process group, by which it can be killed."""
    return subprocess.Popen(
        command(name),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def command(name: str) -> list[str]:
    """The command that runs a playbook with the lab's inventory."""
    inventory = str(ROOT / "lab/inventory.yml")
    return [sys.executable, "-m", "ansible", "playbook", name, "-i", inventory]


def environment(collections: Path = COLLECTIONS) -> dict[str, str]:
    """What it runs with; its output has no colours."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_NOCOLOR": "true",
    }
