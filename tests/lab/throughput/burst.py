# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send bursts of 10,000 messages, and show that each arrives once and none is deferred.

bin/bench runs this: into one mailbox, into 200 of which some fill up, and into one that does.
Accepted messages must be in their mailbox once, refused ones must not be there, and none may be
deferred or bounced. With BURST_BUSY set, other processes keep the processors busy meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from tests.lab import lab

MESSAGES, SESSIONS, SIZE = int(os.environ.get("BURST_MESSAGES", "10000")), 10, 5120
BUSY = bool(os.environ.get("BURST_BUSY"))
PROGRAM = lab.ROOT / "tests/lab/throughput/burst_program.py"
ONE, FILLING = "one@example.org", "filling@example.org"
MANY = [f"u{number}@example.org" for number in range(180)]
SMALL = [f"small{number}@example.org" for number in range(20)]
# The quota of the mailbox that fills up: room for a fourth of the burst.
ROOM = f"{MESSAGES * SIZE // 4 // 1024}K"
TAKEN, FULL = "250", "552 5.2.2"
# For the delivery of a burst on a busy machine, in seconds.
TIMEOUT = 3600
SUBJECT = re.compile(rb"^Subject: (\S+) (\d+)\r$", re.MULTILINE)


class Burst(NamedTuple):
    """The outcome of the messages of a burst."""

    taken: int
    full: int
    seconds_to_send: float
    seconds: float
    faults: list[str]


def accounts() -> dict[str, Any]:
    """Return the lab's accounts, and those for the bursts."""
    inventory = yaml.safe_load((lab.ROOT / "lab/group_vars/mail_servers.yml").read_text())
    plain = {address: {"state": "no_login"} for address in (ONE, *MANY)}
    small = {address: {"state": "no_login", "quota": "50K"} for address in SMALL}
    return {
        **inventory["mail_users"],
        **plain,
        **small,
        FILLING: {"state": "no_login", "quota": ROOM},
    }


@contextlib.contextmanager
def busy_processors() -> Iterator[None]:
    """Run a busy loop on each processor."""
    command = ["openssl", "speed", "-seconds", str(TIMEOUT), "sha256"]
    loops = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def in_mailbox(address: str, word: str) -> Counter[int]:
    """Count how often each message of a burst is in a mailbox, in any folder."""
    found: Counter[int] = Counter()
    with lab.imap(f"{address}*admin", lab.password("admin@example.org")) as session:
        for folder in ("INBOX", "Junk"):
            if session.select(folder, readonly=True)[1] == [b"0"]:
                continue
            parts = session.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
            heads = b"".join(part[1] for part in parts if isinstance(part, tuple))
            found.update(
                int(number) for burst, number in SUBJECT.findall(heads) if burst == word.encode()
            )
    return found


def in_queue() -> tuple[int, int]:
    """Return the number of messages in the queue, and how many of them are deferred."""
    counts = "cd /var/spool/postfix && find maildrop incoming active -type f | wc -l; "
    counts += "find /var/spool/postfix/deferred -type f | wc -l"
    fresh, deferred = map(int, lab.on("mx", counts).split())
    return fresh + deferred, deferred


def bounces() -> int:
    return int(lab.on("peer", "find /home/bob/Maildir -type f 2>/dev/null | wc -l"))


def burst(recipients: list[str]) -> Burst:
    word, before, start = f"burst-{uuid.uuid4().hex}", bounces(), time.monotonic()
    told = lab.on(
        "peer",
        f"python3 /run/burst.py {lab.ADDRESSES[lab.MX]} {MESSAGES} {SESSIONS} {SIZE} {word}",
        "\n".join(recipients),
        timeout=TIMEOUT,
    )
    sent, faults, waited = time.monotonic(), [], 0

    def delivered() -> bool | None:
        nonlocal waited
        queued, deferred = in_queue()
        waited = max(waited, deferred)
        return None if queued > deferred else True

    lab.eventually("an empty queue", delivered, TIMEOUT)
    end = time.monotonic()
    if waited:
        faults.append(f"{waited} were put off: {lab.on('mx', 'postqueue -p | head -n 20')}")

    taken: dict[str, set[int]] = {address: set() for address in recipients}
    full = 0
    for line in told.splitlines():
        number, address, answer = line.split(" ", 2)
        if answer.startswith(TAKEN):
            taken[address].add(int(number))
        elif answer.startswith(FULL):
            full += 1
        else:
            faults.append(line)
    for address, numbers in taken.items():
        found = in_mailbox(address, word)
        if lost := numbers - found.keys():
            faults.append(f"{address} lacks {len(lost)} that were taken, such as {min(lost)}")
        if strange := found.keys() - numbers:
            faults.append(f"{address} has {len(strange)} that were refused")
        if twice := [number for number, times in found.items() if times > 1]:
            faults.append(f"{address} has {len(twice)} twice, such as {min(twice)}")
    if back := bounces() - before:
        faults.append(f"{back} were bounced")
    lab.on("mx", f"doveadm expunge -u {FILLING} mailbox '*' all")
    return Burst(sum(map(len, taken.values())), full, sent - start, end - start, faults)


def main() -> None:
    lab.use_names()
    run = lab.site(mail_users=accounts())
    assert run.returncode == 0, run.stdout
    lab.on("peer", "cat >/run/burst.py", PROGRAM.read_text())
    bursts = {
        "into one mailbox": [ONE],
        "into 200 mailboxes, 20 of them small": MANY + SMALL,
        "into one that fills up": [FILLING],
    }
    print(f"bursts of {MESSAGES} messages of {SIZE} bytes in {SESSIONS} sessions")
    failed = False
    for what, recipients in bursts.items():
        with busy_processors() if BUSY else contextlib.nullcontext():
            it = burst(recipients)
        load = f"{os.getloadavg()[1]:.0f}" + (
            f", {os.cpu_count()} of it on purpose" if BUSY else ""
        )
        print(
            f"{what}: {it.taken} accepted, {it.full} refused for full mailboxes; sent in"
            f" {it.seconds_to_send:.0f} s, delivered in {it.seconds:.0f} s; load {load};"
            f" {len(it.faults)} faults",
            *it.faults[:20],
            sep="\n  ",
            flush=True,
        )
        failed |= bool(it.faults)
    if failed:
        raise SystemExit("messages were deferred, lost, duplicated or bounced")


if __name__ == "__main__":
    main()
