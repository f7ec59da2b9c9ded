# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange mail in many ways, and print what "pillarbox tls" says of it. "bin/docs tls" runs this.

The mail is that of ten days: after each round, what was counted so far is moved to the day before.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from tests.lab import lab
from tests.lab.default.test_tls_mta_sts import the_certificate_of_the_policy

ALICE = "alice@example.org"
DATABASE = "/var/lib/pillarbox/tls.sqlite"
DAYS = 10
# The messages of a working day by sender and recipient, and from where the lab sends them.
SENT = {
    (ALICE, "bob@example.net"): 7,
    (ALICE, "bob@club.example.net"): 3,
    # By the policy for the smarthost of shop.example.org, without verification, and without TLS,
    # which the lab's mail_tls_policy has for peer.example.net.
    ("dave@shop.example.org", "bob@example.net"): 3,
    (ALICE, "bob@unsigned.example.net"): 2,
    (ALICE, "bob@peer.example.net"): 1,
}
# By MTA-STS. Peer then has another certificate, which the TLSA records of the others lack.
BY_POLICY = {(ALICE, "bob@policy.example.net"): 4}
# By the domain of the sender, the cipher; none for clear text, and one of TLS 1.3 by its version.
RECEIVED = {
    ("example.net", "TLSv1.3"): 8,
    ("club.example.net", "ECDHE-RSA-AES256-GCM-SHA384"): 4,
    ("policy.example.net", "ECDHE-ECDSA-CHACHA20-POLY1305"): 3,
    ("unsigned.example.net", "ECDHE-ECDSA-AES128-GCM-SHA256"): 2,
    ("peer.example.net", ""): 1,
}
CLIENT = Path(__file__).with_name("tls_client.py")
FORGET = f"""
import sqlite3
database = sqlite3.connect("{DATABASE}")
database.execute("DELETE FROM messages")
database.commit()
"""
SHIFT = f"""
import sqlite3
database = sqlite3.connect("{DATABASE}")
for table in ("messages", "idle"):
    # Not in one step: a day would meet the one before, which has not moved yet.
    database.execute(f"UPDATE {{table}} SET day = 'to ' || date(day, '-1 day')")
    database.execute(f"UPDATE {{table}} SET day = substr(day, 4)")
database.commit()
"""


def share(number: int, day: int) -> int:
    """Return how many messages a day has: fewer at weekends, and more from week to week."""
    return max(number * (1 if day % 7 > 4 else 4 + day % 3) * (8 + day) // 60, int(day % 4 == 0))


def repeated(number: int, command: str, sender: str) -> str:
    """Return a command that sends messages one after another."""
    mail = f"From: {sender}\nSubject: Hello\n\nA message of the lab."
    return f"for n in $(seq {number}); do {command} <<'END'\n{mail}\nEND\ndone"


def send(day: int) -> None:
    """Send the mail of a day."""
    client = f"python3 -c {shlex.quote(CLIENT.read_text())} {lab.MX}"
    foreign = [
        repeated(share(number, day), f"{client} '{cipher}' bob@{domain} {ALICE}", f"bob@{domain}")
        for (domain, cipher), number in RECEIVED.items()
    ]
    lab.on("peer", "\n".join(foreign))
    submit(SENT, day)
    with the_certificate_of_the_policy():
        submit(BY_POLICY, day)


def submit(messages: dict[tuple[str, str], int], day: int) -> None:
    """Send mail of the host's users, and wait until it is gone."""
    commands = [
        repeated(share(number, day), f"sendmail -f {sender} {recipient}", sender)
        for (sender, recipient), number in messages.items()
    ]
    lab.on("mx", "\n".join(commands))
    lab.eventually(
        "an empty queue",
        lambda: not lab.on("mx", "postqueue -f; postqueue -j").strip() or None,
        patience=120,
    )


def main() -> None:
    """Write the table and the chart into the files that are named."""
    table, chart = map(Path, sys.argv[1:])
    lab.use_names()
    # Without it, no MTA-STS policy is asked for.
    assert lab.site(mail_mta_sts_outbound=True).returncode == 0
    # Mail of a former run, which may wait, and what was counted.
    lab.on("mx", "postsuper -d ALL")
    lab.on("mx", f"rm -f {DATABASE}*; pillarbox tls update")
    lab.on("mx", "python3 -", FORGET)
    for day in range(DAYS):
        lab.on("mx", "python3 -", SHIFT)
        send(day)
        lab.on("mx", "pillarbox tls update")
    table.write_text(lab.on("mx", "pillarbox tls"))
    chart.write_text(lab.on("mx", f"pillarbox tls chart --days {DAYS}"))
    kinds = json.loads(lab.on("mx", "pillarbox tls --json"))["partners"]
    assert len([way for partner in kinds for way in partner["ways"]]) >= 8


if __name__ == "__main__":
    main()
