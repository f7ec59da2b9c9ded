# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``junk``: train Rspamd with mail sorted elsewhere, or from users' folders."""

from __future__ import annotations

import json
import mailbox
import os
import random
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pillarbox import Failure
from pillarbox.commands import CommandError, run
from pillarbox.manual import Manual
from pillarbox.parts import part

MANUAL = Manual(
    "junk",
    """\
Train the spam filter with spam and ham.

"train" learns from archives of sorted mail; "learn" learns one message from standard input;
"nightly" learns what users have moved into Junk, or out of it, since its last run. No message is
learned twice.
""",
    """\
Use it when the server is new, and to learn from mail that was sorted elsewhere: the filter needs
200 messages of both kinds. What users sort is learned automatically.

Examples
  pillarbox junk train spam /root/spam.mbox           # from an mbox file
  pillarbox junk train ham /var/mail/old/Maildir      # from a Maildir
  pillarbox junk learn spam <message.eml              # one message
  pillarbox junk nightly                              # run by pillarbox-junk.timer

Exit status
  0  success; a line for each archive counts what was learned, and what was not and why
  1  failure; see the message on standard error

Files
  /etc/pillarbox/parts/rspamd.json    after how many days mail counts as sorted
  /var/lib/pillarbox/junk-learned     its timestamp is that of the last nightly run
  pillarbox-junk.timer                the schedule; log: journalctl -u pillarbox-junk
""",
)
CONTROLLER = "/run/rspamd/controller.sock"
# Its modification time is the start of the last successful nightly run.
LAST = Path("/var/lib/pillarbox/junk-learned")
DAY = 86400
# The limits of a nightly run: how far back, and how many messages of each kind.
MOST_DAYS = 30
MOST_MESSAGES = 1000
# Larger messages consist of pictures and attachments.
MOST_BYTES = 1_000_000
BATCH = 100

# Makes Rspamd learn messages that it recognizes anyway.
TRAINING = ("--header", "Learn-Type=bulk")
# Seconds for Rspamd to learn a batch, and for Dovecot to search all mailboxes.
LEARNING, SEARCHING = 600, 7200
# Rspamd's reasons not to learn a message. It stores digests of learned messages.
REASONS = {
    "already learned": "known before",
    "learn conditions denied": "recognized anyway",
    "less tokens": "too short",
}


def rspamc(kind: str, directory: str, *options: str) -> list[str]:
    """Have Rspamd learn the messages in a directory; return its answers in JSON."""
    # One at a time: parallel requests crash Rspamd 3.12 when its database has just started.
    command = ["rspamc", "--connect", CONTROLLER, "--compact", "--max-requests", "1", *options]
    try:
        printed = run(*command, f"learn_{kind}", directory, merge=True, timeout=LEARNING)
        lines = printed.decode().splitlines()
    except CommandError as error:
        errors = dict.fromkeys(
            line for line in error.output.splitlines() if line and not line.startswith("{")
        )
        raise Failure(f"Rspamd did not learn: {' '.join(errors)}") from error
    return [line for line in lines if line.startswith("{")]


def outcome(line: str) -> str:
    """Return the outcome for a message from Rspamd's answer."""
    answer = json.loads(line)
    if answer.get("success"):
        return "learned"
    error = str(answer.get("error"))
    for phrase, reason in REASONS.items():
        if phrase in error:
            return reason
    raise Failure(f"Rspamd did not learn: {error}")


def learn(kind: str, messages: Iterable[bytes], *options: str) -> Counter[str]:
    """Have Rspamd learn messages, and count the outcomes."""
    remaining = iter(messages)
    outcomes: Counter[str] = Counter()
    while batch := list(islice(remaining, BATCH)):
        with tempfile.TemporaryDirectory(prefix="pillarbox-junk.") as directory:
            for number, message in enumerate(batch):
                if not message:
                    outcomes["too short"] += 1
                elif len(message) > MOST_BYTES:
                    outcomes["too large"] += 1
                else:
                    Path(directory, str(number)).write_bytes(message)
            outcomes.update(map(outcome, rspamc(kind, directory, *options)))
    return outcomes


def told(kind: str, outcomes: Counter[str]) -> str:
    """Return the counts as text."""
    others = [f"{count} {reason}" for reason, count in outcomes.items() if reason != "learned"]
    return ", ".join([f"{kind}: {outcomes['learned']} learned", *sorted(others)])


# From an archive.


def archive(
    path: str,
) -> mailbox.Mailbox[mailbox.mboxMessage] | mailbox.Mailbox[mailbox.MaildirMessage]:
    """Open a Maildir or an mbox file."""
    if os.path.isdir(os.path.join(path, "cur")) and os.path.isdir(os.path.join(path, "new")):
        return mailbox.Maildir(path, create=False)
    try:
        # Not a named pipe, which could keep it waiting.
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                if file.read(5) == b"From ":
                    return mailbox.mbox(path, create=False)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}. Name an mbox file or a Maildir.") from error
    raise Failure(
        f"{path} is neither an mbox, a file that begins with 'From ', nor a Maildir, a directory"
        " with cur and new."
    )


def train(kind: str, paths: list[str]) -> None:
    """Learn all messages of archives."""
    # Check all before learning the first.
    for path in paths:
        archive(path).close()
    for path in paths:
        with closing(archive(path)) as messages:
            found = map(messages.get_bytes, messages.keys())
            outcomes = learn(kind, found, *TRAINING)
        print(f"{path}: {told(kind, outcomes)}")


# From users' folders.


# Folders that do not show whether their owner considers the mail spam.
APART = " ".join(
    f"not mailbox {folder} not mailbox {folder}/*" for folder in ("Junk", "Trash", "Drafts", "Sent")
)


class Search(NamedTuple):
    """A search for messages of a kind, optionally only those that Sieve did or did not file."""

    kind: str
    query: str
    filed: bool | None = None


def searches(last: int, now: int, after_days: int) -> Iterator[Search]:
    """Yield searches in all mailboxes, the most reliable first."""
    # What users have moved into Junk, or out of it.
    yield Search("spam", f"mailbox Junk savedsince {last}", filed=False)
    yield Search("ham", f"{APART} savedsince {last}", filed=True)
    if after_days:
        # Mail not moved for days is where it belongs. Each message reaches that age once.
        age = after_days * DAY
        aged = f"savedsince {last - age} savedbefore {now - age}"
        yield Search("spam", f"mailbox Junk {aged}")
        yield Search("ham", f"{APART} {aged} seen")


def filed(header: str) -> bool:
    """Whether Sieve filed a message into Junk, by the header of Rspamd's milter."""
    return any(line.strip().casefold() == "yes" for line in header.split("\n"))


# The place of a message for doveadm: user, GUID of the folder, UID.
Place = tuple[str, str, str]


def found(search: Search) -> list[Place]:
    """Return the messages of all users that a search finds."""
    # Not by searching for the header, which is not in a full-text index.
    fields = "user mailbox-guid uid hdr.x-spam"
    messages = json.loads(
        run(
            "doveadm", "-f", "json", "fetch", "-A", fields, *search.query.split(), timeout=SEARCHING
        )
    )
    return [
        (message["user"], message["mailbox-guid"], message["uid"])
        for message in messages
        if search.filed in (None, filed(message["hdr.x-spam"]))
    ]


def fetched(places: Iterable[Place]) -> Iterator[bytes]:
    """Yield the messages at these places."""
    for user, folder, uid in places:
        text = run("doveadm", "fetch", "-u", user, "text", "mailbox-guid", folder, "uid", uid)
        # Empty if it was removed meanwhile.
        if text:
            yield text.removeprefix(b"text:\n")


def nightly(after_days: int) -> None:
    """Learn what users have sorted since the last run."""
    now = int(time.time())
    last = int(LAST.stat().st_mtime) if LAST.exists() else now - DAY
    last = max(last, now - MOST_DAYS * DAY)
    places: dict[str, dict[Place, None]] = {"spam": {}, "ham": {}}
    for search in searches(last, now, after_days):
        of_search = found(search)
        # If there are too many, do not favour the first users.
        random.shuffle(of_search)
        places[search.kind].update(dict.fromkeys(of_search))
    for kind, of_kind in places.items():
        outcomes = learn(kind, fetched(islice(of_kind, MOST_MESSAGES)))
        print(f"{told(kind, outcomes)}, of {len(of_kind)} found")
    LAST.touch()
    os.utime(LAST, (now, now))


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("train", help="learn from mbox files and Maildirs")
    command.add_argument("kind", choices=["spam", "ham"])
    command.add_argument("paths", nargs="+", metavar="PATH")
    command = commands.add_parser("learn", help="learn one message from standard input")
    command.add_argument("kind", choices=["spam", "ham"])
    commands.add_parser("nightly", help="learn from users' folders")
    given = parser.parse_args(arguments)
    config = part("rspamd")
    if given.command == "train":
        train(given.kind, given.paths)
    elif given.command == "learn":
        print(told(given.kind, learn(given.kind, [sys.stdin.buffer.read()], *TRAINING)))
    else:
        nightly(config["learn_after_days"])
    return 0
