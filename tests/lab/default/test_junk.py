# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving mail trains the spam filter; see docs/mailboxes.md."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
RSPAMC = "rspamc --connect /run/rspamd/controller.sock"
UNTIL_RSPAMD_ANSWERS = f"until {RSPAMC} stat; do sleep 0.2; done"
NIGHTLY = "systemctl start pillarbox-junk.service"
LAST = "/var/lib/pillarbox/junk-learned"
COMPLAINT = "pillarbox-junk failed on mx"
# The directory of this module on the mail host.
THERE = "/root/test-junk"
FORGET = (
    "if [ -S /run/valkey/valkey.sock ]; then valkey-cli -s /run/valkey/valkey.sock flushall;"
    " else redis-cli -s /run/redis/redis.sock flushall; fi"
)
# Rspamd needs at least 200 messages of each kind.
ENOUGH = 210


def words(number: int) -> list[str]:
    """Return random words that occur nowhere else.

    Their letters make Rspamd detect Greek. For Latin letters it would guess another language each
    time, and the language is part of the tokens.
    """
    return ["".join(random.choices("αβγδεζηθικλμνξοπρστυφχψω", k=9)) for _ in range(number)]


def letter(vocabulary: list[str]) -> EmailMessage:
    """Return a message of thirty words."""
    return lab.message(BOB, ALICE, " ".join(random.choices(vocabulary, k=30)))


def twins() -> list[EmailMessage]:
    """Return two messages with the same words, which count once Rspamd has learned them twice."""
    text = " ".join(words(30))
    return [lab.message(BOB, ALICE, text) for _ in range(2)]


# Few words, as Rspamd's tokens are sequences of words.
SPAM, HAM = words(20), words(20)


def bayes(mail: EmailMessage) -> float:
    """Return the Bayes score that Rspamd gives a message: positive for spam, negative for ham."""
    answer = json.loads(lab.on("mx", f"{RSPAMC} --json symbols", mail.as_string()))
    scores = {name: float(symbol["score"]) for name, symbol in answer["symbols"].items()}
    return scores.get("BAYES_SPAM", 0.0) + scores.get("BAYES_HAM", 0.0)


@pytest.fixture(scope="module", autouse=True)
def training() -> Iterator[str]:
    """Train twice with the same mbox and Maildir, and return the output."""
    lab.on("mx", f"mkdir {THERE}; {FORGET}")
    for kind, vocabulary in (("spam", SPAM), ("ham", HAM)):
        letters = [letter(vocabulary) for _ in range(ENOUGH)]
        mbox = "".join(f"From {BOB} Fri Nov 20 10:00:00 2026\n{mail}\n" for mail in letters)
        lab.on("mx", f"cat >{THERE}/{kind}.mbox", mbox)
    lab.on("mx", f"python3 - {THERE}/ham.mbox {THERE}/Maildir", MAILDIR_OF_MBOX)
    commands = [
        f"pillarbox junk train spam {THERE}/spam.mbox",
        f"pillarbox junk train ham {THERE}/Maildir",
    ]
    first = lab.on("mx", " && ".join(commands))
    # Rspamd loses some digests that it learns right after its database has started.
    lab.on("mx", " && ".join(commands))
    yield first + lab.on("mx", " && ".join(commands))
    # The mail of other tests is not similar to this.
    lab.on("mx", f"rm -r {THERE}; {FORGET}")


MAILDIR_OF_MBOX = """
import mailbox, sys
maildir = mailbox.Maildir(sys.argv[2])
for message in mailbox.mbox(sys.argv[1]):
    maildir.add(message)
"""


def place(mails: list[EmailMessage], folder: str = "INBOX", flags: str = "") -> None:
    """Put messages into one of Alice's folders."""
    with lab.imap(ALICE) as session:
        for mail in mails:
            assert session.append(folder, flags, "", mail.as_bytes())[0] == "OK"


def move(mails: list[EmailMessage], source: str, target: str) -> None:
    """Move messages as a mail program does."""
    with lab.imap(ALICE) as session:
        session.select(source)
        for mail in mails:
            uid = session.uid("SEARCH", "SUBJECT", f'"{mail["Subject"]}"')[1][0].decode()
            assert session.uid("MOVE", uid, target)[0] == "OK"
    assert all(lab.find(ALICE, mail, target) for mail in mails)


def test_mail_that_was_sorted_elsewhere_trains_the_filter_once(training: str) -> None:
    spam, ham = f"{THERE}/spam.mbox: spam: ", f"{THERE}/Maildir: ham: "

    assert training.splitlines() == [
        f"{spam}{ENOUGH} learned",
        f"{ham}{ENOUGH} learned",
        f"{spam}0 learned, {ENOUGH} known before",
        f"{ham}0 learned, {ENOUGH} known before",
    ]
    assert bayes(letter(SPAM)) > 1
    assert bayes(letter(HAM)) < -1


def test_training_with_what_is_not_there_learns_nothing_and_says_so() -> None:
    answer = lab.on("mx", f"pillarbox junk train spam {THERE}/spam.mbox {THERE}/spm", check=False)

    refusal = f"{THERE}/spm: No such file or directory. Name an mbox file or a Maildir."
    assert answer == f"pillarbox junk: {refusal}\n"


def test_spam_scores_higher_after_a_move_to_junk_and_lower_after_a_move_back() -> None:
    mails = twins()
    place(mails)
    unknown = bayes(mails[0])

    move(mails, "INBOX", "Junk")
    as_spam = bayes(mails[0])
    move(mails, "Junk", "INBOX")
    as_ham = bayes(mails[0])

    assert unknown == 0
    assert as_spam > 1
    assert as_ham < -1


def test_throwing_junk_away_unlearns_nothing() -> None:
    mails = twins()

    # As by a mail program that files junk itself.
    place(mails, "Junk")
    as_spam = bayes(mails[0])
    move(mails, "Junk", "Trash")

    assert as_spam > 1
    assert bayes(mails[0]) == as_spam


def test_what_was_learned_outlives_the_database() -> None:
    lab.on("mx", "systemctl restart $(systemctl list-units -q --plain --no-legend 'redis-server*'"
           " 'valkey-server*' | cut -d' ' -f1)")  # fmt: skip
    assert lab.eventually("Bayes", lambda: bayes(letter(SPAM)) or None) > 1


def test_the_mailboxes_user_can_do_nothing_else_with_the_filter() -> None:
    answer = lab.on("mx", f"runuser -u vmail -- {RSPAMC} stat", check=False)
    assert "Permission denied" in answer


def test_a_move_succeeds_without_rspamd_and_the_nightly_run_learns_what_was_missed() -> None:
    spam, ham = twins(), twins()
    for mail in ham:
        # As Rspamd's milter marks mail for Sieve to file.
        mail["X-Spam"] = "Yes"
    place(spam)
    place(ham, "Junk")
    assert bayes(ham[0]) > 1
    lab.on("mx", f"doveadm expunge -u {ALICE} mailbox INBOX subject '{COMPLAINT}'")
    lab.stop_filter()
    try:
        move(spam, "INBOX", "Junk")
        move(ham, "Junk", "INBOX")
        lab.on("mx", f"! {NIGHTLY}")
    finally:
        lab.on("mx", f"systemctl start rspamd.service && {UNTIL_RSPAMD_ANSWERS}", timeout=30)
    # Postfix would retry mail that it could not filter only a minute later.
    lab.on("mx", "postkick public pickup W")
    complaint = lab.message("root@mx.example.org", ALICE)
    complaint.replace_header("Subject", COMPLAINT)
    assert b"Rspamd did not learn: " in lab.received(ALICE, complaint)
    assert bayes(spam[0]) == 0
    assert bayes(ham[0]) > 1

    lab.on("mx", NIGHTLY)

    assert bayes(spam[0]) > 1
    assert bayes(ham[0]) < -1


@pytest.fixture(scope="module")
def later() -> str:
    """Return the start of a command that runs a program with its clock set to days later."""
    lab.on("mx", f"cd {THERE} && apt-get download libfaketime && dpkg -x libfaketime_*.deb .")
    library = lab.on("mx", f"echo {THERE}/usr/lib/*/faketime/libfaketime.so.1").strip()
    # Otherwise rspamc would wait for ever.
    wrapper = '#!/bin/sh\nexec env -u LD_PRELOAD /usr/bin/rspamc "$@"\n'
    lab.on("mx", f"cat >{THERE}/rspamc && chmod +x {THERE}/rspamc", wrapper)
    return f"env PATH={THERE}:$PATH LD_PRELOAD={library} NO_FAKE_STAT=1 FAKETIME=+"


def test_mail_that_has_been_read_and_lies_there_for_days_is_ham(later: str) -> None:
    read, unread = twins(), twins()
    place(read, flags=r"\Seen")
    place(unread)
    lab.on("mx", NIGHTLY)
    assert bayes(read[0]) == 0
    lab.on("mx", f"cp -p {LAST} {THERE}/last")

    try:
        lab.on("mx", f"{later}4d pillarbox junk nightly")
    finally:
        lab.on("mx", f"cp -p {THERE}/last {LAST}")

    assert bayes(read[0]) < -1
    assert bayes(unread[0]) == 0
    with lab.imap(ALICE) as session:
        session.select("INBOX", readonly=True)
        assert session.search(None, "UNSEEN", "SUBJECT", f'"{unread[0]["Subject"]}"')[1][0]


@pytest.mark.parametrize(("folder", "days"), [("Junk", 30), ("Trash", 60)])
def test_junk_and_trash_are_removed_in_their_time(later: str, folder: str, days: int) -> None:
    mail, _ = twins()
    place([mail], folder)
    # A session of its own: Dovecot expires mail when it ends.
    session = f"/usr/lib/dovecot/imap -u {ALICE} <<<'a LOGOUT'"

    lab.on("mx", f'{later}{days - 1}d bash -c "{session}"')
    assert lab.find(ALICE, mail, folder)

    lab.on("mx", f'{later}{days + 1}d bash -c "{session}"')
    assert lab.find(ALICE, mail, folder) is None


def test_what_a_sender_says_of_his_mail_does_not_count() -> None:
    mail, _ = twins()
    mail["X-Spam"] = "Yes"

    lab.send_from_peer(mail)

    assert b"X-Spam:" not in lab.received(ALICE, mail)
