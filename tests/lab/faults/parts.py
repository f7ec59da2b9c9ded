# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop parts of the mail host, and retry mail that waited for them."""

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
    """Stop a daemon during the test."""
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
    """Let the mail host's resolver run, but reach no name server."""
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
    """Replace a directory by a copy on a small disk, which is full at first.

    The subdirectory *shared*, with other daemons' sockets, stays in place.
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
        # Lazily, as a command such as sendmail may still have a file open there.
        lab.on("mx", f"systemctl stop {unit}; umount -Rl {directory} /mnt; systemctl start {unit}")


def needing_attention() -> set[str]:
    """Return what "pillarbox status" marks as needing attention, by part and subject."""
    # Its exit status says that there is something.
    whole = json.loads(lab.on("mx", "pillarbox status --json || test $? = 1", timeout=20))
    states = {f"{it['part']} {it['subject']}".strip(): it["state"] for it in whole["findings"]}
    return {name for name, state in states.items() if state == "attention"}


def look_at_the_queues() -> None:
    """Flush the queues, as an operator may, instead of waiting for minutes."""
    lab.on("peer", "postqueue -f")
    # The queue of the mail host as well.
    lab.on("mx", "postqueue -f; postkick public pickup W", check=False)
