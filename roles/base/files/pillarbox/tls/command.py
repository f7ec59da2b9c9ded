# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``tls``: show who encrypts how."""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from contextlib import closing
from pathlib import Path

from pillarbox import Failure
from pillarbox.certificates.lock import locked
from pillarbox.manual import Manual
from pillarbox.parts import part
from pillarbox.status.finding import counted, day
from pillarbox.tls import chart, report
from pillarbox.tls.store import Store
from pillarbox.tls.update import first_day, update
from pillarbox.tls.verification import Verification

MANUAL = Manual(
    "tls",
    """\
Show who encrypts how: the servers that mail is sent to, and received from.

It counts messages by the partner's domain, TLS version, cipher, key exchange, the server's
signature, and how the server was verified. The partner is the domain of the recipient, or the
smarthost; for received mail, it is the domain of the sender.
""",
    """\
Use it when you want to require TLS, or to switch off an old version or cipher, and have to know
whose mail that would stop.

Examples
  pillarbox tls                    # partners, those without TLS, connections without mail
  pillarbox tls --days 7 --json    # the same of the last week, for programs
  pillarbox tls ciphers            # how often each cipher, version and key exchange was used
  pillarbox tls chart >tls.svg     # the messages of each day, as a picture for web browsers
  pillarbox tls update             # only count what is new; run by pillarbox-tls.timer

Protection
  DANE        the server has the key that its TLSA records in DNS announce (RFC 7672)
  MTA-STS     it has a certificate as the MTA-STS policy of the domain says (RFC 8461)
  policy      it has a certificate as mail_tls_policy or the setting of the smarthost says
  verified    one of these; DNS did not tell which when the log was read
  trusted     its certificate is valid, but need not be
  encrypted   TLS with a server that nobody has verified; received mail has this at best
  clear text  no TLS

Exit status
  0  success
  1  failure; see the message on standard error

Files
  /etc/pillarbox/parts/postfix.json    how many days are kept (postfix_tls_days)
  /var/lib/pillarbox/tls.sqlite        the counts, by day and domain; they contain no addresses
  pillarbox-tls.timer                  the schedule; log: journalctl -u pillarbox-tls
""",
)
DATABASE = Path("/var/lib/pillarbox/tls.sqlite")
# How many days are shown, unless others are wanted.
DAYS = 30


def positive(text: str) -> int:
    """Return a number of days."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("not a number of days")
    return int(text)


def with_days(parser: ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--days",
        type=positive,
        default=default,
        metavar="N",
        help=f"of the last N days, {DAYS} by default",
    )


def parsed(arguments: list[str]) -> Namespace:
    """Return the options and the command."""
    parser = MANUAL.parser()
    with_days(parser, DAYS)
    parser.add_argument("--all", action="store_true", help="show all partners")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    # Their default would replace what is in front of the command.
    with_days(commands.add_parser("ciphers", help="count what encrypted mail used"), SUPPRESS)
    with_days(commands.add_parser("chart", help="print a chart as SVG"), SUPPRESS)
    commands.add_parser("update", help="count what is new in the log")
    return parser.parse_args(arguments)


def shown(store: Store, given: Namespace, days: int) -> str:
    """Return what a command prints."""
    since, until = first_day(days), day(time.time())
    if given.command == "chart":
        return chart.svg(store.counts(since), since, until)
    found = report.summary(store.counts(since), store.idle(since), since, until)
    if given.json:
        return json.dumps(report.document(found), indent=2)
    if given.command == "ciphers":
        return report.ciphers(found)
    return report.text(found, len(found.partners) if given.all else report.FEW)


def main(arguments: list[str]) -> int:
    given = parsed(arguments)
    config = part("postfix")
    days: int = config["tls_days"]
    if not days:
        DATABASE.unlink(missing_ok=True)
        if given.command == "update":
            # The timer still runs until the next boot.
            return 0
        raise Failure("nothing is recorded, as postfix_tls_days is 0")
    try:
        with locked(str(DATABASE.parent)), closing(Store(DATABASE)) as store:
            messages = update(store, days, Verification(config["mta_sts"]))
            if given.command == "update":
                print(counted(messages, "new message"))
            else:
                print(shown(store, given, min(given.days, days)))
    except sqlite3.Error as error:
        raise Failure(f"{DATABASE}: {error}") from error
    return 0
