# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mailboxes, folders and access to them; see docs/mailboxes.md."""

from __future__ import annotations

import json
import poplib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.default.test_accounts import opened
from tests.lab.folders import check_that_folders_of_before_keep_their_names_and_their_mail

ADMIN = "admin@example.org"
ALICE = "alice@example.org"
ARCHIVE = "archive@example.org"
BOB = "bob@example.net"
CAROL = "carol@example.org"
DAVE = "dave@example.org"
LOBBY = "lobby@example.org"
FOLDER = '"Work/Plans 1.2"'
SCANNER = "dave+scanner@example.org"

MAILBOXES = str(Path(__file__).with_name("mailboxes.yml"))


def test_a_new_mailbox_has_the_folders_that_programs_look_for() -> None:
    with lab.imap(CAROL) as session:
        session.xatom("LIST", '""', '"*"', "RETURN", "(SPECIAL-USE SUBSCRIBED)")
        _, folders = session.response("LIST")
    lines = b"\n".join(line for line in folders if isinstance(line, bytes)).decode()
    uses = re.findall(r"\\Subscribed.*\\(\w+)\).* (\w+)$", lines, re.MULTILINE)
    assert set(uses) >= {(use, use) for use in ("Drafts", "Sent", "Junk", "Trash", "Archive")}


def test_the_first_message_to_a_mailbox_is_delivered_before_others_to_it() -> None:
    home = lab.on("mx", f"doveadm -f flow user -f home {LOBBY}").strip()
    send = f"printf 'Subject: first\\n\\n' | sendmail -f {BOB} {LOBBY}"
    lab.on("mx", f"systemctl kill --signal=STOP dovecot; rm -rf {home}")
    try:
        lab.on("mx", f"for _ in $(seq 5); do {send}; done")
        lab.eventually("5 queued messages", lambda: len(queued(LOBBY)) == 5 or None)
        lab.eventually("a delivery", lambda: queued(LOBBY) & being_delivered() or None)
        time.sleep(1)
        assert len(queued(LOBBY) & being_delivered()) == 1
    finally:
        lab.on("mx", "systemctl kill --signal=CONT dovecot")
    lab.eventually("all deliveries", lambda: not queued(LOBBY) or None)
    with lab.imap(LOBBY) as session:
        assert session.select("INBOX") == ("OK", [b"5"])


def queued(address: str) -> set[str]:
    """Return the queue IDs of the messages to this address."""
    entries = map(json.loads, lab.on("mx", "postqueue -j").splitlines())
    return {entry["queue_id"] for entry in entries if address in str(entry["recipients"])}


def being_delivered() -> set[str]:
    """Return the queue IDs of the messages that clients of Dovecot's LMTP have open."""
    directories = "$(pgrep -x lmtp | sed 's:.*:/proc/&/fd:')"
    files = lab.on("mx", f"find {directories} -lname '*/active/*' -printf '%l\\n'", check=False)
    return {Path(file).name for file in files.splitlines()}


@contextmanager
def pop3(login: str) -> Iterator[poplib.POP3_SSL]:
    """Open a user's session, over TLS, with the name in the certificate verified."""
    session = poplib.POP3_SSL(lab.MX, 995, context=lab.trusting_the_ca(), timeout=20)
    try:
        session.user(login)
        session.pass_(lab.password(login))
        yield session
    finally:
        session.quit()


def test_optional_features_can_be_left_out_and_enabled() -> None:
    mail = lab.message(BOB, "dave+Alone@example.org")
    with lab.imap(DAVE) as session:
        session.create("Alone")
    try:
        scripts: dict[str, Any] = {"dovecot_sieve_before": "", "dovecot_sieve_after": ""}
        assert lab.changed(lab.playbook(MAILBOXES, mail_pop3=False, **scripts)) > 0
        lab.send_from_peer(mail)
        assert lab.received(DAVE, mail, "Alone")
        # As after a boot: files of an earlier start of Dovecot are left over.
        lab.on("mx", "systemctl stop dovecot && rm -r /run/dovecot && systemctl start dovecot")
        with pytest.raises(ConnectionRefusedError), pop3(ALICE):
            pass
    finally:
        assert lab.changed(lab.playbook(MAILBOXES)) > 0
    with pop3(ALICE) as session:
        assert session.stat()


def test_mail_is_read_by_pop3() -> None:
    mail = lab.message(BOB, CAROL)
    lab.send_from_peer(mail)
    lab.received(CAROL, mail)

    with pop3(CAROL) as session:
        messages = [b"\n".join(session.top(number, 0)[1]) for number in newest(session)]

    assert any(str(mail["Subject"]).encode() in message for message in messages)


def newest(session: poplib.POP3_SSL, count: int = 20) -> range:
    """Return the numbers of the latest messages."""
    last = session.stat()[0]
    return range(max(1, last - count + 1), last + 1)


def test_a_device_for_sending_reads_no_mail_by_pop3() -> None:
    with pytest.raises(poplib.error_proto, match="AUTH"), pop3(SCANNER):
        pass


@pytest.mark.parametrize("account", [ALICE, ARCHIVE])
def test_the_master_user_reads_all_mail(account: str) -> None:
    mail = lab.message(BOB, account)
    lab.send_from_peer(mail)

    def as_admin() -> bool | None:
        with lab.imap(f"{account}*admin", lab.password(ADMIN)) as session:
            session.select("INBOX", readonly=True)
            _, numbers = session.search(None, "SUBJECT", f'"{mail["Subject"]}"')
        return bool(numbers[0].split()) or None

    assert lab.eventually("the mail", as_admin)


def test_nobody_is_a_master_user_without_its_password_and_nobody_writes_as_others() -> None:
    login = f"{ALICE}*admin"
    attempts = [
        (login, CAROL),
        (f"{ALICE}*{CAROL}", CAROL),
        (f"{ALICE}*", ADMIN),
        ("admin", ADMIN),
        ("*admin", ADMIN),
        (login, ADMIN),
    ]
    assert opened(
        *(
            (service, name, lab.password(whose))
            for service in ("imap", "smtp")
            for name, whose in attempts
        )
    ) == [("imap", login)]


@pytest.fixture
def kept() -> EmailMessage:
    """Return a flagged message in one of Dave's folders."""
    mail = lab.message(BOB, DAVE)
    with lab.imap(DAVE) as session:
        session.create(FOLDER)
        session.append(FOLDER, "(\\Flagged Urgent)", "", mail.as_bytes())
    return mail


def flags(mail: EmailMessage) -> set[str]:
    """Return the flags of Dave's message."""
    with lab.imap(DAVE) as session:
        session.select(FOLDER, readonly=True)
        _, numbers = session.search(None, "SUBJECT", f'"{mail["Subject"]}"')
        _, answer = session.fetch(numbers[0].split()[0].decode(), "(FLAGS)")
    return set(re.findall(r"\\?[A-Z][a-z]+", str(answer))) - {"\\Seen", "\\Recent"}


def test_mail_is_moved_only_by_the_documented_commands(kept: EmailMessage) -> None:
    """Move mail to another directory and format and back, as in docs/mailboxes.md."""
    elsewhere: dict[str, Any] = {"dovecot_mail_dir": "/srv/mail", "dovecot_mail_format": "maildir"}
    refused = lab.playbook(MAILBOXES, **elsewhere)
    assert refused.returncode != 0
    assert "there is mail in /var/vmail (format sdbox)" in refused.stdout
    assert flags(kept) == {"\\Flagged", "Urgent"}
    try:
        convert("/var/vmail", "sdbox:sdbox", "maildir:Maildir")
        lab.on("mx", "mv -T /var/vmail /srv/mail")
        assert lab.changed(lab.playbook(MAILBOXES, **elsewhere)) > 0
        assert flags(kept) == {"\\Flagged", "Urgent"}
        new = lab.message(BOB, DAVE)
        lab.send_from_peer(new)
        assert lab.received(DAVE, new)
        check_that_folders_of_before_keep_their_names_and_their_mail(
            "/srv/mail/example.org/dave/Maildir"
        )
        # New index directories are rebuilt. By default, existing mail keeps its format.
        elsewhere = {"dovecot_mail_dir": "/srv/mail"}
        assert lab.changed(lab.playbook(MAILBOXES, **elsewhere, dovecot_index_dir="/srv/index")) > 0
        assert flags(kept) == {"\\Flagged", "Urgent"}
        assert "dovecot" in lab.on("mx", "ls -R /srv/index/example.org/dave")
        assert lab.changed(lab.playbook(MAILBOXES, **elsewhere)) > 0
        assert flags(kept) == {"\\Flagged", "Urgent"}
        # As after restoring mail to a new host.
        lab.on("mx", "rm -r /srv/index /etc/dovecot/mail-place")
        assert lab.changed(lab.playbook(MAILBOXES, **elsewhere)) > 0
        assert flags(kept) == {"\\Flagged", "Urgent"}
    finally:
        convert("/srv/mail", "maildir:Maildir", "sdbox:sdbox")
        lab.on("mx", "mv -T /srv/mail /var/vmail && rm -r /var/vmail/*/*/*.old")
        assert lab.changed(lab.playbook(MAILBOXES, dovecot_mail_format="sdbox")) > 0
        assert lab.changed(lab.playbook(MAILBOXES)) == 0
    assert flags(kept) == {"\\Flagged", "Urgent"}
    assert lab.received(DAVE, new)


def convert(directory: str, old: str, new: str) -> None:
    """Convert mail as in docs/mailboxes.md; each format comes with the name of its directory."""
    copy = f'doveadm backup -u "$user" $names {new.replace(":", ":~/")}'
    folders = old.partition(":")[2]
    lab.on(
        "mx",
        f"""set -e
        systemctl stop dovecot.service
        escape=mailbox_list_storage_escape_char
        case $(dovecot --version) in 2.4.*) names="-p $escape=$(doveconf -h $escape)" ;; esac
        # It would keep this connection open.
        trap 'doveadm stop 2>/dev/null || true' EXIT
        dovecot -o listen=127.0.0.1
        doveadm user '*' | grep -vF '\\' | while read -r user; do {copy}; done
        doveadm stop
        for home in {directory}/*/*; do
            [ ! -d $home/{folders} ] || mv $home/{folders} $home/{folders}.old
        done""",
    )
