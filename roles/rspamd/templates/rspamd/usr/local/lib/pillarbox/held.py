# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show, release or delete the mail of accounts that wrote to more recipients than they may."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from typing import Any

# What lua/limits.lua counts by.
COUNTS = "sent/"


def output_of(*command: str) -> str:
    """What a command prints; its own words, when it fails, are enough."""
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"pillarbox-held: {' '.join(command[:2])} failed; nothing was changed")
    return run.stdout


def author_of(queue_id: str) -> str:
    """Who has logged in to send a message."""
    # It may be gone by now.
    command = ["postcat", "-qe", queue_id]
    run = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    found = re.search(r"^named_attribute: sasl_username=(.+)$", run.stdout, re.MULTILINE)
    return found[1].lower() if found else ""


# A message as postqueue describes it.
Message = dict[str, Any]


def held() -> dict[str, list[Message]]:
    """What is held, by account."""
    found: dict[str, list[Message]] = defaultdict(list)
    for line in output_of("postqueue", "-j").splitlines():
        message = json.loads(line)
        if message["queue_name"] == "hold" and (author := author_of(message["queue_id"])):
            found[author].append(message)
    return found


def beyond(redis: list[str]) -> set[str]:
    """The accounts and domains beyond their limit: their counts do not end by themselves."""
    keys = output_of(*redis, "--scan", "--pattern", f"{COUNTS}*").split()
    counts = [key for key in keys if not key.endswith("/told")]
    return {key.removeprefix(COUNTS) for key in counts if output_of(*redis, "ttl", key) == "-1\n"}


def of(name: str, found: dict[str, list[Message]]) -> list[Message]:
    """The messages of an account, or of all accounts of a domain."""
    return [
        message
        for account, messages in found.items()
        if name in (account, account.rpartition("@")[2])
        for message in messages
    ]


def show(redis: list[str]) -> None:
    """Print whose mail is held, and to whom it is."""
    found = held()
    for name in sorted(beyond(redis) | found.keys()):
        print(f"{name}: {len(of(name, found))} held")
        for message in found.get(name, ()):
            addresses = [recipient["address"] for recipient in message["recipients"]]
            others = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
            print(f"    {message['queue_id']} to {addresses[0]}{others}")


def postsuper(option: str, queue_ids: list[str]) -> None:
    """Release or delete messages; it says itself how many there were."""
    if queue_ids:
        ids = "\n".join(queue_ids)
        subprocess.run(["postsuper", option, "-"], input=ids, text=True, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="pillarbox-held", description=__doc__)
    parser.add_argument("--redis", required=True, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command")
    for command, what in (
        ("release", "send on what is held, and count anew"),
        ("delete", "delete what is held; what comes is held as before"),
    ):
        subparser = commands.add_parser(command, help=what, description=what.capitalize() + ".")
        subparser.add_argument("name", help="an account or a domain")
    given = parser.parse_args()
    redis = given.redis.split()
    if given.command is None:
        show(redis)
        return
    name = given.name.lower()
    known = name in beyond(redis)
    if given.command == "release":
        # First, so that nothing comes to be held behind the list.
        output_of(*redis, "del", f"{COUNTS}{name}", f"{COUNTS}{name}/told")
    queue_ids = [message["queue_id"] for message in of(name, held())]
    if not known and not queue_ids:
        sys.exit(f"pillarbox-held: nothing of {name} is held")
    postsuper("-H" if given.command == "release" else "-d", queue_ids)
    if given.command == "release":
        # Otherwise they would wait for the next run of the queue.
        for queue_id in queue_ids:
            subprocess.run(["postqueue", "-i", queue_id], check=False)


if __name__ == "__main__":
    main()
