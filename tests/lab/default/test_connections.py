# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of concurrent connections and deliveries, where two programs limit it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab import lab

BOB, CAROL = "bob@example.net", "carol@example.org"

# As many sessions as Postfix opens to a mailbox, each closed by Postfix but not yet by Dovecot.
SESSIONS = """
import socket, sys
sessions = []
for number in range(10):
    session = socket.socket(socket.AF_UNIX)
    session.settimeout(20)
    session.connect("/var/spool/postfix/private/dovecot-lmtp")
    session.sendall(b"LHLO mx\\r\\nMAIL FROM:<>\\r\\nRCPT TO:<carol@example.org>\\r\\n")
    replies = b""
    while b"250 2.1.5" not in replies:
        replies += session.recv(4096) or sys.exit(replies)
    sessions.append(session)
print("open", flush=True)
sys.stdin.read()
"""


# As many as the default limit of inotify instances per user; each IMAP process needs one for IDLE.
WATCHES = """
import ctypes, os, sys
os.setuid(5000)
watches = [ctypes.CDLL(None).inotify_init() for _ in range(128)]
print("open", flush=True)
sys.stdin.read()
"""
# Queries names whose server does not answer, then a name that is not in the cache.
QUESTIONS = """
import socket, struct, subprocess, sys, time

def question(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + bytes([0, 0, 1, 0, 1])

silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("198.18.0.10", 5399))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 53))
for number in range(2500):
    client.send(question(number, f"{number}.silent.example"))
    if number % 50 == 0:
        time.sleep(0.01)
subprocess.run(["unbound-control", "-q", "flush_type", "peer.example.net", "A"], check=True)
client.settimeout(5)
client.send(question(9999, "peer.example.net"))
while struct.unpack(">H", client.recv(2000)[:2])[0] != 9999:
    pass
"""

# Sends each message of its standard input; all have passed RCPT TO before the first is sent.
ALL_AT_ONCE = """
import smtplib, sys
recipient, mails = sys.argv[1], sys.stdin.read().split(chr(0))
sessions = [smtplib.SMTP("mx.example.org", timeout=60) for mail in mails]
for session in sessions:
    session.ehlo()
    session.mail("bob@example.net")
    print(session.rcpt(recipient)[0])
for session, mail in zip(sessions, mails):
    print(session.data(mail)[0])
"""


@contextmanager
def running_on_mx(text: str) -> Iterator[None]:
    """Run a Python program on mx, and wait until it reports that it is ready."""
    program = f"python3 -c {shlex.quote(text)}"
    ssh = ["ssh", "-F", str(lab.STATE / "ssh_config"), "mx", program]
    with subprocess.Popen(ssh, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as it:
        assert it.stdin and it.stdout
        assert it.stdout.readline() == b"open\n"
        yield
        it.stdin.close()


def test_a_burst_does_not_wait_for_sessions_that_dovecot_has_yet_to_end() -> None:
    mail = lab.message(BOB, CAROL)
    with running_on_mx(SESSIONS):
        lab.send_from_peer(mail)
        assert lab.received(CAROL, mail)


def test_mail_that_is_under_way_when_a_mailbox_fills_up_arrives(erin: str) -> None:
    mails = [lab.message(BOB, erin, ("x" * 76 + "\n") * 800) for _ in range(4)]
    program = f"python3 -c {shlex.quote(ALL_AT_ONCE)} {erin}"
    answers = lab.on("peer", program, "\0".join(mail.as_string() for mail in mails))
    assert answers.split() == 8 * ["250"]

    for mail in mails:
        assert lab.received(erin, mail)
    assert lab.answer_to(erin).startswith("552 5.2.2 ")


def test_mail_programs_hear_of_new_mail_at_once_however_many_wait() -> None:
    mail = lab.message(BOB, CAROL)
    with running_on_mx(WATCHES), lab.imap(CAROL) as session:
        session.select("INBOX", readonly=True)
        session.send(b"idle IDLE\r\n")
        lab.send_from_peer(mail)
        lab.received(CAROL, mail)
        # Otherwise Dovecot polls every half minute.
        session.sock.settimeout(10)
        while b" EXISTS" not in session.readline():
            pass
        session.send(b"DONE\r\n")
        while not session.readline().startswith(b"idle "):
            pass


def test_twenty_mail_programs_behind_one_address_read_one_mailbox() -> None:
    with ExitStack() as programs:
        for _ in range(20):
            programs.enter_context(lab.imap(CAROL))


def test_a_service_of_postfix_has_room_for_all_processes_that_may_ask_at_once() -> None:
    """Clients beyond that are not counted, or not looked up in DNS lists."""
    services = [line.split() for line in lab.on("mx", "postconf -M").splitlines()]
    clients = sum(int(service[6]) for service in services if service[7] == "smtpd")
    sockets = [line.split() for line in lab.on("mx", "ss -xlH").splitlines()]
    room = {name: int(size) for _, _, _, size, name, *_ in sockets}

    assert clients > 500
    assert {name for name in ("private/anvil", "private/dnsblog") if room[name] < clients} == set()


def test_names_are_found_while_thousands_of_others_wait_for_a_silent_server() -> None:
    lab.on("mx", "unbound-control -q forward_add +i silent.example 198.18.0.10@5399")
    try:
        lab.on("mx", f"python3 -c {shlex.quote(QUESTIONS)}")
    finally:
        lab.on("mx", "unbound-control -q forward_remove +i silent.example")
        lab.on("mx", "unbound-control -q flush_requestlist")
