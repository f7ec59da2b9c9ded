# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``undelete``: bring back mail that a user has deleted."""

from __future__ import annotations

import argparse
import json
from datetime import date, datetime
from typing import Any

from pillarbox import Failure
from pillarbox.backup.mailbox import PATIENCE, PLACE, home_of, is_old, new_folder, undone
from pillarbox.commands import CommandError, run
from pillarbox.manual import Manual
from pillarbox.parts import part
from pillarbox.status.finding import counted

MANUAL = Manual(
    "undelete",
    """\
Bring back mail that a user has deleted, in a new folder, with its flags.

A host keeps deleted mail for the days in mail_undelete_days. The user does not see it, and it does
not count towards the quota until it is back.
""",
    """\
Use it when somebody has deleted too much. For mail that was deleted earlier, see pillarbox backup.

Examples
  pillarbox undelete alice@example.org --list                  # show what was deleted, and when
  pillarbox undelete alice@example.org                         # all of it, into Restored/DATE
  pillarbox undelete alice@example.org --since "2026-11-26 14:00"
  pillarbox undelete alice@example.org --from bob@example.net --subject invoice

Exit status
  0  success
  1  failure, or there is no such mail; see the message on standard error

Files
  undelete/    in the home of each account, as shown by: doveadm user -f home ADDRESS
""",
)
# The folder of lazy_expunge_mailbox in Dovecot's configuration.
DELETED = ".undelete/mail"


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    parser.add_argument("address", metavar="ADDRESS", help="the account")
    parser.add_argument("--list", action="store_true", help="only show it")
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="deleted since then, by this host's clock"
    )
    parser.add_argument("--from", dest="sender", metavar="TEXT", help="with this in the sender")
    parser.add_argument("--subject", metavar="TEXT", help="with this in the subject")
    given = parser.parse_args(arguments)
    if not (days := part("dovecot").get("undelete_days", 0)):
        raise Failure("this host keeps no deleted mail; set mail_undelete_days and run site.yml")
    address = given.address.lower()
    home_of(address)
    query = search_for(given)
    found = deleted(address, query)
    if not found:
        fitting = " that fits" if query else ""
        raise Failure(f"{address} has deleted no mail{fitting} in the last {days} days")
    if given.list:
        for one in found:
            print(f"{one['date.saved']}  {one['hdr.from.utf8']}  {one['hdr.subject.utf8']}")
        return 0
    place = new_folder(address, f"{PLACE}/{date.today()}")
    bring_back(address, query, max(int(one["uid"]) for one in found), place)
    print(f"{counted(len(found), 'message')} in {place}")
    return 0


def moment(text: str) -> datetime:
    """Return a point in time; a date alone means its beginning. Raises ArgumentTypeError."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be as in 2026-11-26 or '2026-11-26 14:00'") from None


def search_for(given: argparse.Namespace) -> list[str]:
    """Return what is searched for, as in doveadm-search-query(7)."""
    query = []
    if given.since:
        query += ["savedsince", str(int(given.since.timestamp()))]
    for field, text in (("from", given.sender), ("subject", given.subject)):
        if text:
            query += [field, text]
    return query


def deleted(address: str, query: list[str]) -> list[dict[str, Any]]:
    """Return when each message was deleted, its sender and its subject. Raises Failure."""
    fields = "uid date.saved hdr.from.utf8 hdr.subject.utf8"
    words = ["fetch", "-u", address, fields, "mailbox", DELETED, *query]
    printed = run("doveadm", "-f", "json", *words, timeout=PATIENCE)
    found: list[dict[str, Any]] = json.loads(printed or b"[]")
    return found


def bring_back(address: str, query: list[str], last: int, place: str) -> None:
    """Move deleted mail into a new folder, all of it or nothing. Raises Failure.

    Args:
        last: its highest UID; what the user deletes meanwhile stays.
    """
    what = ["mailbox", DELETED, "uid", f"1:{last}", *query]
    # Nothing beyond the quota, as in Dovecot 2.3.
    options = [] if is_old() else ["-o", "quota_storage_grace=0"]
    run("doveadm", "mailbox", "create", "-s", "-u", address, place)
    try:
        run("doveadm", *options, "copy", "-u", address, place, *what, timeout=PATIENCE)
    except CommandError as error:
        raise undone(address, place, error.output or str(error)) from error
    run("doveadm", "expunge", "-u", address, *what, timeout=PATIENCE)
