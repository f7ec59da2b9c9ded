# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``backup``: make backups, and restore a mailbox or the whole host."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

from pillarbox import Failure
from pillarbox.backup import host, mailbox, run
from pillarbox.backup.restic import Restic, Snapshot
from pillarbox.backup.settings import settings
from pillarbox.backup.state import alone, saved
from pillarbox.manual import Manual

MANUAL = Manual(
    "backup",
    """\
Back up all that makes this host, and restore it: mail, Sieve scripts, keys, the ACME account, what
the spam filter has learned, and what else site.yml cannot create again.

A backup is consistent while mail arrives. It is encrypted, and stored by restic.
""",
    """\
Use it when somebody has lost mail, and before a risky change. A timer makes a backup every day; if
that fails, root gets a mail, and pillarbox check is critical after 26 hours.

Examples
  pillarbox backup now                                       # make a backup
  pillarbox backup list                                      # show the backups
  pillarbox backup restore alice@example.org                 # into the folder Restored/DATE
  pillarbox backup restore alice@example.org --folder Work --at "2026-11-20 12:00"
  pillarbox backup restore --host                            # all of it, onto a bare host
  pillarbox backup restic ls latest /etc/pillarbox           # what restic itself can do

Exit status
  0  success
  1  failure; see the message on standard error

Files
  /etc/pillarbox/backup/                  the repository, its password and credentials
  /var/lib/pillarbox-backup/state.json    when the last backup was made, and how it ended
  pillarbox-backup.timer                  the schedule; log: journalctl -u pillarbox-backup
""",
)


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    what = "make a backup, remove old ones, and check the repository once a week"
    now = commands.add_parser("now", help=what, description=what.capitalize() + ".")
    now.add_argument("--new", action="store_true", help="begin a new repository if it is gone")
    what = "show the backups"
    commands.add_parser("list", help=what, description=what.capitalize() + ".")
    what = "restore a mailbox beside what is there, or the whole host"
    restore = commands.add_parser("restore", help=what, description=what.capitalize() + ".")
    which = restore.add_mutually_exclusive_group(required=True)
    which.add_argument("address", nargs="?", metavar="ADDRESS", help="the account")
    which.add_argument("--host", action="store_true", help="all of it, onto a bare host")
    restore.add_argument("--folder", help="only this folder of the account")
    restore.add_argument(
        "--at", type=moment, metavar="TIME", help="as it was then, by this host's clock"
    )
    what = "run restic itself with the repository of this host"
    itself = commands.add_parser("restic", help=what, description=what.capitalize() + ".")
    itself.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="see restic(1)")
    given = parser.parse_args(arguments)
    if given.command == "now":
        return run.now(given.new)
    own = settings()
    restic = Restic(own.environment)
    if given.command == "restic":
        return restic.through(given.arguments)
    if given.command == "list":
        return show(restic, own.names)
    if given.host and given.folder:
        parser.error("--folder is for an account")
    with alone():
        chosen = choose(restic.snapshots(), own.names, given.at)
        if given.host:
            host.restore(restic, chosen)
        else:
            place = mailbox.restore(restic, chosen, given.address.lower(), given.folder)
            print(f"the mail of {chosen.time:%Y-%m-%d %H:%M} is in {place}")
    return 0


def moment(text: str) -> datetime:
    """Return a point in time; a date alone means its end. Raises ArgumentTypeError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        message = f'"{text}" is no time, such as "2026-11-20 12:00"'
        raise argparse.ArgumentTypeError(message) from error
    if len(text) <= len("2026-11-20"):
        found += timedelta(days=1, microseconds=-1)
    return found.astimezone()


def choose(found: list[Snapshot], names: list[str], at: datetime | None) -> Snapshot:
    """Return the last backup of this host, or the last one until then. Raises Failure."""
    own = [one for one in found if one.host in names]
    if found and not own:
        raise Failure(f"the repository has backups of {found[-1].host} only")
    fit = [one for one in own if not at or one.time <= at]
    if not fit:
        when = f" until {at:%Y-%m-%d %H:%M}" if at else ""
        raise Failure(f"there is no backup{when}; see pillarbox backup list")
    return fit[-1]


def show(restic: Restic, names: list[str]) -> int:
    """Print the backups, and how the last run ended."""
    for one in restic.snapshots():
        other = "" if one.host in names else f"  of {one.host}"
        print(f"{one.time:%Y-%m-%d %H:%M:%S}  {one.id[:8]}{other}")
    if failure := saved().get("failure"):
        print(f"the last run failed: {failure}")
    return 0
