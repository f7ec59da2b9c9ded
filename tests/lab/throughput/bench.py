# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare deliveries and IMAP appends with a manual setup. bin/bench runs this.

Both are on the lab's mx: lab/baseline/switch replaces one by the other. Times on a busy machine are
noisy, so the two take turns, and the processor time of their units is measured too.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

import yaml

from tests.lab import lab

MESSAGES, SESSIONS, SIZE = 1000, 10, 5120
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SIDES = ("collection", "baseline")
READER, EMPTY, FULL = "alice@example.org", "empty@example.org", "full@example.org"
MANY = [f"u{number}@example.org" for number in range(200)]
UNITS = "rspamd '*-server.service' 'postfix*.service' dovecot unbound systemd-journald"
# Settings without a default, and those of the lab that do not affect deliveries.
OF_THE_LAB = ("mail_hostname", "mail_dns", "acme_sh_")


class Took(NamedTuple):
    """The cost of delivering or storing 1,000 messages."""

    seconds: float
    processor: dict[str, float]


def accounts(users: dict[str, Any]) -> dict[str, Any]:
    """Return these users, and the accounts that are measured."""
    return {**users, **{address: {"state": "no_login"} for address in (EMPTY, FULL, *MANY)}}


def settings(extras: bool) -> dict[str, Any]:
    """Return additional settings: only accounts, or also the defaults of all others."""
    inventory = yaml.safe_load((lab.ROOT / "lab/group_vars/mail_servers.yml").read_text())
    users = inventory["mail_users"]
    if extras:
        return {"mail_users": accounts(users)}
    defaults: dict[str, Any] = {}
    for file in lab.ROOT.glob("roles/*/defaults/main.yml"):
        defaults.update(yaml.safe_load(file.read_text()))
    return {
        **{
            name: defaults[name]
            for name in inventory.keys() & defaults.keys()
            if not name.startswith(OF_THE_LAB)
        },
        "mail_domains": {"example.org": {}},
        "mail_users": accounts({READER: users[READER]}),
    }


def site(extras: bool) -> None:
    run = lab.site(**settings(extras))
    assert run.returncode == 0, run.stdout


def copy_baseline() -> None:
    files = subprocess.run(
        ["tar", "-C", str(lab.ROOT / "lab/baseline"), "-c", "."], check=True, capture_output=True
    ).stdout
    unpack = "mkdir -p /srv/baseline && tar -C /srv/baseline -x --no-same-owner"
    ssh = ["ssh", "-F", str(lab.STATE / "ssh_config"), "mx", unpack]
    subprocess.run(ssh, input=files, check=True)


def switch(side: str) -> None:
    lab.on("mx", f"sh /srv/baseline/switch {'on' if side == 'baseline' else 'off'}")
    # A new client waits six seconds for the greeting, and then not again for a day.
    flood(MANY[0], 1)


def processor() -> dict[str, float]:
    """Return the processor seconds that each daemon has used since its start."""
    shown = lab.on("mx", f"systemctl show --property=Id,CPUUsageNSec {UNITS}")
    units = [dict(line.split("=", 1) for line in unit.splitlines()) for unit in shown.split("\n\n")]
    return {
        unit["Id"].removesuffix(".service"): int(unit["CPUUsageNSec"]) / 1e9
        for unit in units
        if unit.get("CPUUsageNSec", "").isdigit()
    }


def measure(action: Callable[[], object]) -> Took:
    before, start = processor(), time.monotonic()
    action()
    seconds = time.monotonic() - start
    after = processor()
    return Took(seconds, {unit: after[unit] - before.get(unit, 0) for unit in after})


def drain() -> None:
    """Wait until all messages are delivered; a deferred message is an error."""
    lab.on(
        "mx",
        "cd /var/spool/postfix && for _ in $(seq 3000); do"
        ' [ -z "$(find deferred -type f)" ] || { postqueue -p; exit 1; };'
        ' [ -n "$(find incoming active maildrop -type f)" ] || exit 0; sleep 0.2; done; exit 1',
        timeout=900,
    )


def flood(address: str, messages: int = MESSAGES) -> None:
    """Send this number of messages to one mailbox."""
    lab.on(
        "peer",
        f"smtp-source -s {min(SESSIONS, messages)} -m {messages} -l {SIZE} -f bob@example.net"
        f" -t {address} {lab.MX}:25",
        timeout=900,
    )
    drain()


def flood_many() -> None:
    """Send as many messages to 200 mailboxes, each over its own connection."""
    lab.on(
        "peer",
        f"xargs -P {SESSIONS} -I ADDRESS smtp-source -m {MESSAGES // len(MANY)} -l {SIZE}"
        f" -f bob@example.net -t ADDRESS {lab.MX}:25",
        stdin="\n".join(MANY),
        timeout=900,
    )
    drain()


def empty(address: str) -> None:
    lab.on("mx", f"doveadm expunge -u {address} mailbox INBOX all")


def fill(address: str, messages: int) -> None:
    """Add unseen messages to a mailbox until it has this number."""
    found = lab.on("mx", f"doveadm mailbox status -u {address} messages INBOX")
    missing = messages - int(found.rpartition("=")[2])
    if missing <= 0:
        return
    lab.on(
        "mx",
        f"rm -rf /var/tmp/fill; python3 - {missing} && chown -R vmail: /var/tmp/fill"
        f" && doveadm import -u {address} maildir:/var/tmp/fill '' all && rm -r /var/tmp/fill",
        stdin=MAILDIR,
        timeout=1200,
    )
    found = lab.on("mx", f"doveadm mailbox status -u {address} messages INBOX")
    assert found.strip().endswith(f"={messages}"), found


MAILDIR = """
import pathlib, sys
fill = pathlib.Path("/var/tmp/fill")
for name in ("cur", "new", "tmp"):
    (fill / name).mkdir(parents=True)
text = ("x" * 70 + "\\n") * 70
for number in range(int(sys.argv[1])):
    head = f"From: bob@example.net\\nSubject: {number}\\nMessage-ID: <{number}@example.net>\\n\\n"
    (fill / "new" / f"{number}.fill.lab").write_text(head + text)
"""


@contextlib.contextmanager
def reader(address: str) -> Iterator[None]:
    """Run a mail program that waits in IDLE (RFC 2177) and fetches the headers of new messages."""
    session = lab.imap(address)
    seen = int(session.select("INBOX")[1][0] or 0)

    def line() -> bytes:
        if received := session.readline():
            return received
        raise EOFError

    def read() -> None:
        nonlocal seen
        with contextlib.suppress(OSError, EOFError, ValueError, session.abort):
            while True:
                session.send(b"idle IDLE\r\n")
                exists = seen
                while exists == seen:
                    word = line().split()
                    if word[2:3] == [b"EXISTS"]:
                        exists = int(word[1])
                session.send(b"DONE\r\n")
                while not line().startswith(b"idle "):
                    pass
                session.fetch(f"{seen + 1}:{exists}", "(UID FLAGS BODY.PEEK[HEADER])")
                seen = exists

    session.sock.settimeout(None)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        session.sock.shutdown(socket.SHUT_RDWR)
        thread.join()


def append() -> None:
    text = b"Subject: bench\r\nFrom: bob@example.net\r\n\r\n" + (b"x" * 70 + b"\r\n") * 70
    with lab.imap(READER) as session:
        for _ in range(MESSAGES):
            assert session.append("Bench", "", "", text)[0] == "OK"


def measure_append() -> Took:
    with lab.imap(READER) as session:
        session.delete("Bench")
        session.create("Bench")
    return measure(append)


def measure_read() -> Took:
    empty(READER)
    with reader(READER):
        return measure(lambda: flood(READER))


def measure_full(messages: int) -> Took:
    fill(FULL, messages)
    return measure(lambda: flood(FULL))


def measure_empty() -> Took:
    empty(EMPTY)
    return measure(lambda: flood(EMPTY))


def median_processor(results: list[Took]) -> dict[str, float]:
    return {
        unit: median(result.processor.get(unit, 0) for result in results)
        for unit in results[0].processor
    }


def report(what: str, results: dict[str, list[Took]]) -> str:
    rates, totals, lines = {}, {}, []
    for side, taken in results.items():
        each = [MESSAGES / result.seconds for result in taken]
        rates[side], parts = median(each), median_processor(taken)
        totals[side] = median(sum(result.processor.values()) for result in taken)
        shown = ", ".join(
            f"{unit} {seconds:.1f}"
            for unit, seconds in sorted(parts.items(), key=lambda part: -part[1])
            if seconds >= 0.1
        )
        lines.append(
            f"  {side:<12}{', '.join(f'{rate:.0f}' for rate in each)} messages/s;"
            f" processor {totals[side]:.1f} s ({shown})"
        )
    faster = rates["collection"] / rates["baseline"]
    lighter = totals["baseline"] / totals["collection"]
    head = f"{what}: {faster:.2f} × the baseline's rate, {lighter:.2f} by processor time"
    return "\n".join([head, *lines])


def rounds(measures: dict[str, Callable[[], Took]], count: int) -> None:
    results: dict[str, dict[str, list[Took]]] = {
        what: {side: [] for side in SIDES} for what in measures
    }
    for _ in range(count):
        for side in SIDES:
            switch(side)
            for what, take in measures.items():
                result = take()
                rate, seconds = MESSAGES / result.seconds, sum(result.processor.values())
                print(f"{side}, {what}: {rate:.0f}/s, processor {seconds:.1f} s", file=sys.stderr)
                results[what][side].append(result)
    switch("collection")
    for what, taken in results.items():
        print(report(what, taken), flush=True)


def main() -> None:
    lab.use_names()
    site(extras=False)
    copy_baseline()
    measures = {
        "to an empty mailbox": measure_empty,
        "to 10,000 messages": lambda: measure_full(10_000),
        "to 200 mailboxes": lambda: measure(flood_many),
        "to a reader": measure_read,
        "IMAP append": measure_append,
    }
    print("throughput of 1,000 messages of 5 kB in 10 sessions, compared with lab/baseline")
    rounds(measures, ROUNDS)
    rounds({"to 50,000 messages": lambda: measure_full(50_000)}, 1)
    site(extras=True)
    rounds({"with all optional features, to an empty mailbox": measure_empty}, ROUNDS)


if __name__ == "__main__":
    main()
