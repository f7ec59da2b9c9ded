# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail that a user deletes can be brought back for a week."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab
from tests.lab.folders import names, quoted

BOB, CAROL, ERIN = "bob@example.net", "carol@example.org", "erin@example.org"


def undelete(*words: str, account: str = CAROL, check: bool = True) -> str:
    return lab.on("mx", shlex.join(["pillarbox", "undelete", account, *words]), check=check)


@pytest.fixture(autouse=True)
def nothing_deleted() -> Iterator[None]:
    empty = "; ".join(
        f"doveadm mailbox delete -u {account} -r Restored 2>/dev/null;"
        f" doveadm expunge -u {account} mailbox .undelete/mail all 2>/dev/null"
        for account in (CAROL, ERIN)
    )
    lab.on("mx", empty, check=False)
    yield
    lab.on("mx", empty, check=False)


def delete(mail: EmailMessage, account: str = CAROL) -> None:
    """Delete a message in the inbox, as mail clients do."""
    with lab.imap(account) as session:
        session.select("INBOX")
        _, numbers = session.search(None, "SUBJECT", f'"{mail["Subject"]}"')
        session.store(numbers[0].decode(), "+FLAGS", "(\\Deleted)")
        session.expunge()


def kept(mail: EmailMessage, account: str = CAROL) -> bool:
    return str(mail["Subject"]) in undelete("--list", account=account, check=False)


def test_what_a_user_deletes_comes_back_with_its_flags() -> None:
    mail, moved, in_folder = (lab.message(BOB, CAROL) for _ in range(3))
    with lab.imap(CAROL) as session:
        session.create("Gone")
        session.append("Gone", "", "", in_folder.as_bytes())
        session.append("INBOX", "(\\Flagged Urgent)", "", mail.as_bytes())
        session.append("INBOX", "", "", moved.as_bytes())
        session.select("INBOX")
        _, numbers = session.uid("SEARCH", f'SUBJECT "{moved["Subject"]}"')
        session.uid("MOVE", numbers[0].decode(), "Archive")
        session.delete("Gone")
        listed = names(session.list()[1]) | names(session.lsub()[1])
    assert not [name for name in listed if "undelete" in name]
    delete(mail)
    assert (kept(mail), kept(in_folder), kept(moved)) == (True, True, False)

    said = undelete("--subject", str(mail["Subject"]))

    place = re.fullmatch(r"1 message in (Restored/.+)\n", said)
    assert place, said
    with lab.imap(CAROL) as session:
        session.select(quoted(place[1]), readonly=True)
        _, found = session.fetch("1", "(FLAGS BODY[HEADER.FIELDS (SUBJECT)])")
    assert "\\Flagged" in str(found) and "Urgent" in str(found)
    assert str(mail["Subject"]) in str(found)
    # The other one is still there, and comes into a folder of its own.
    assert undelete() == f"1 message in {place[1]} (2)\n"
    assert "carol@example.org has deleted no mail in the last 7 days" in undelete(check=False)


def test_only_what_was_deleted_since_then_comes_back() -> None:
    mail = lab.message(BOB, CAROL)
    lab.send_from_peer(mail)
    lab.received(CAROL, mail)
    delete(mail)
    assert "no mail that fits" in undelete("--since", "2030-01-01", check=False)
    assert "as in 2026-11-26" in undelete("--since", "yesterday", check=False)
    assert undelete("--since", "2020-01-01 12:00", "--from", BOB).startswith("1 message in ")


def test_deleted_mail_is_no_part_of_the_quota_and_stays_until_there_is_room() -> None:
    # Each is almost what Erin may store.
    mails = [lab.message(BOB, ERIN, ("x" * 70 + "\n") * 1300) for _ in range(2)]
    for folder in ("INBOX", ".undelete/mail"):
        lab.on("mx", f"doveadm expunge -u {ERIN} mailbox {folder} all; true")
    for mail in mails:
        lab.send_from_peer(mail)
        lab.received(ERIN, mail)
        delete(mail, ERIN)
    assert lab.answer_to(ERIN).startswith("250 ")

    said = undelete(account=ERIN, check=False)

    # Both would be too much.
    assert "the quota of erin@example.org has no room" in said, said
    assert all(kept(mail, ERIN) for mail in mails)
    subject = str(mails[0]["Subject"])
    assert undelete("--subject", subject, account=ERIN).startswith("1 message in ")
    assert [kept(mail, ERIN) for mail in mails] == [False, True]


def test_after_its_days_it_is_gone() -> None:
    mail = lab.message(BOB, CAROL)
    lab.send_from_peer(mail)
    lab.received(CAROL, mail)
    delete(mail)
    # As if days had passed, though not for the files.
    session = (
        "printf 'a logout\\r\\n' | NO_FAKE_STAT=1 faketime -f +{}d /usr/lib/dovecot/imap -u {}"
    )
    lab.on("mx", session.format(6, CAROL))
    assert kept(mail)
    lab.on("mx", session.format(8, CAROL))
    assert not kept(mail)
