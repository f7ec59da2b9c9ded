# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb ``held``: mail of accounts that exceeded their limit of recipients."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import suppress
from typing import Any

from pillarbox import Failure
from pillarbox.commands import CommandError, run
from pillarbox.manual import Manual
from pillarbox.parts import part

MANUAL = Manual(
    "held",
    """\
Show, release or delete the mail of accounts that exceeded their limit of recipients.

An account or a domain that exceeds its limit can go on sending, but its mail is held in Postfix's
queue until you decide. Without a command, this lists the held mail by account, with recipients.
""",
    """\
Use it when the postmaster gets a notice that the mail of an account is held. Read the mail (postcat
-q with a queue ID from the list). If it is legitimate, release it. If the password was stolen,
change it, then delete the mail; the account stays held until you release it.

Examples
  pillarbox held                                   # list the held mail
  pillarbox held release invoices@example.org      # send it, and reset the count
  pillarbox held release example.org               # the same for a domain's limit
  pillarbox held delete invoices@example.org       # delete it; the account stays held

Exit status
  0  success
  1  no mail of that name is held, or a command failed; see the message on standard error

Files
  /etc/pillarbox/parts/rspamd.json    how to reach the database with the counts
The limits are settings: rspamd_account_limit, rspamd_domain_limit, rspamd_limits.
""",
)
# The key prefix of the counts in lua/limits.lua.
COUNTS = "sent/"


def author_of(queue_id: str) -> str:
    """Return the login that submitted a message."""
    # The message may be gone by now.
    with suppress(CommandError):
        envelope = run("postcat", "-qe", queue_id).decode(errors="replace")
        if found := re.search(r"^named_attribute: sasl_username=(.+)$", envelope, re.MULTILINE):
            return found[1].lower()
    return ""


# A message as postqueue describes it.
Message = dict[str, Any]


def held() -> dict[str, list[Message]]:
    """Return the held messages by account."""
    found: dict[str, list[Message]] = defaultdict(list)
    for line in run("postqueue", "-j").splitlines():
        message = json.loads(line)
        if message["queue_name"] == "hold" and (author := author_of(message["queue_id"])):
            found[author].append(message)
    return found


def beyond(redis: list[str]) -> set[str]:
    """Return the accounts and domains beyond their limit: their counts do not expire."""
    keys = run(*redis, "--scan", "--pattern", f"{COUNTS}*").decode().split()
    counts = [key for key in keys if not key.endswith("/told")]
    return {key.removeprefix(COUNTS) for key in counts if run(*redis, "ttl", key) == b"-1\n"}


def of(name: str, found: dict[str, list[Message]]) -> list[Message]:
    """Return the messages of an account, or of all accounts in a domain."""
    return [
        message
        for account, messages in found.items()
        if name in (account, account.rpartition("@")[2])
        for message in messages
    ]


def show(redis: list[str]) -> None:
    """Print the held mail by account, with its recipients."""
    found = held()
    names = sorted(beyond(redis) | found.keys())
    if not names:
        print("no mail is held")
    for name in names:
        print(f"{name}: {len(of(name, found))} held")
        for message in found.get(name, ()):
            addresses = [recipient["address"] for recipient in message["recipients"]]
            others = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
            print(f"    {message['queue_id']} to {addresses[0]}{others}")


def postsuper(option: str, queue_ids: list[str]) -> None:
    """Release or delete messages; postsuper prints how many."""
    if queue_ids:
        given = "\n".join(queue_ids).encode()
        print(run("postsuper", option, "-", given=given, merge=True).decode(), end="")


def main(arguments: list[str]) -> int:
    parser = MANUAL.parser()
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command, what in (
        ("release", "send held mail, and reset the count"),
        ("delete", "delete held mail; further mail is still held"),
    ):
        subparser = commands.add_parser(command, help=what, description=what.capitalize() + ".")
        subparser.add_argument("name", help="an account or a domain")
    given = parser.parse_args(arguments)
    redis: list[str] = part("rspamd")["redis"]
    if given.command is None:
        show(redis)
        return 0
    name = given.name.lower()
    known = name in beyond(redis)
    if given.command == "release":
        # First, so that no more mail is held after the list was made.
        run(*redis, "del", f"{COUNTS}{name}", f"{COUNTS}{name}/told")
    queue_ids = [message["queue_id"] for message in of(name, held())]
    if not known and not queue_ids:
        raise Failure(f"no mail of {name} is held")
    postsuper("-H" if given.command == "release" else "-d", queue_ids)
    if given.command == "delete" and known:
        print(f"further mail is still held, until: pillarbox held release {name}")
    if given.command == "release":
        # Otherwise they would wait for the next queue run.
        for queue_id in queue_ids:
            with suppress(CommandError):
                run("postqueue", "-i", queue_id)
    return 0
