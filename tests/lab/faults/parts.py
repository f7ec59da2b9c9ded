# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the mail host that stop, and mail that waits for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import lab

ALICE = "alice@example.org"
BOB = "bob@example.net"
DATABASE = "valkey-server"


@contextmanager
def stopped(unit: str) -> Iterator[None]:
    """One of the daemons is not there, as when somebody has stopped it."""
    if unit == "rspamd":
        lab.stop_filter()
    else:
        lab.on("mx", f"systemctl stop {unit}")
    try:
        yield
    finally:
        lab.on("mx", f"systemctl start {unit}")


@contextmanager
def no_answers_from_outside() -> Iterator[None]:
    """The mail host's resolver runs, and reaches no name server."""
    dropped = "oifname != lo meta l4proto { tcp, udp } th dport 53 drop"
    chain = f"chain output {{ type filter hook output priority 0; {dropped}; }}"
    lab.on("mx", f"nft 'table inet outage {{ {chain}; }}' && unbound-control flush_zone .")
    try:
        yield
    finally:
        forget = "unbound-control flush_infra all; unbound-control flush_zone ."
        lab.on("mx", f"nft delete table inet outage; {forget}")


@contextmanager
def full_disk(directory: str, size: str, unit: str, shared: str = "") -> Iterator[None]:
    """A small disk in the place of a directory, with a copy of it, that is full at first.

    What others have sockets in is named in *shared*, and stays as it is.
    """
    binds = "; ".join(f"mount --bind {directory}/{name} /mnt/{name}" for name in shared.split())
    lab.on(
        "mx",
        f"set -e; systemctl stop {unit}; mount -t tmpfs -o size={size} tmpfs /mnt;"
        f" cp -a {directory}/. /mnt; chown --reference={directory} /mnt;"
        f" chmod --reference={directory} /mnt; {binds or ':'}; mount --rbind /mnt {directory};"
        f" dd if=/dev/zero of={directory}/fill status=none || true; systemctl start {unit}",
    )
    try:
        yield
    finally:
        lab.on("mx", f"systemctl stop {unit}; umount -R {directory} /mnt; systemctl start {unit}")


def needing_a_hand() -> set[str]:
    """What "pillarbox status" says that somebody has to see to, by part and subject."""
    # Its exit status says that there is something.
    whole = json.loads(lab.on("mx", "pillarbox status --json || test $? = 1", timeout=20))
    states = {f"{it['part']} {it['subject']}".strip(): it["state"] for it in whole["findings"]}
    return {name for name, state in states.items() if state == "attention"}


def look_at_the_queues() -> None:
    """What waits is tried again now and not in minutes, as an operator may have it."""
    lab.on("peer", "postqueue -f")
    # Mail of the host itself, too.
    lab.on("mx", "postqueue -f; postkick public pickup W", check=False)
