# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folder names in IMAP, and on disk as written by Dovecot before it escaped them."""

from __future__ import annotations

import shlex
from typing import Any

from tests.lab import lab

BOB, DAVE = "bob@example.net", "dave@example.org"
# By directory name, as Dovecot wrote them without escaping.
OLD = {
    ".old": "old",
    ".old.~b": "old/~b",
    ".old.~b.~c d": "old/~b/~c d",
    ".old.b~": "old/b~",
    ".old.50%20off": "old/50%20off",
    ".old.A&-B": "old/A&-B",
    ".old.100^2e": "old/100^2e",
    ".old.&ZeVnLA-": "old/&ZeVnLA-",
}


def quoted(name: str) -> str:
    return f'"{name}"'


def names(lines: list[Any]) -> set[str]:
    """Return the names in the answers to LIST."""
    return {line.decode().partition(' "/" ')[2].strip('"') for line in lines}


def check_that_folders_of_before_keep_their_names_and_their_mail(home: str) -> None:
    """Read such a Maildir of Dave's with Dovecot, as after an upgrade of this collection."""
    mail = lab.message(BOB, DAVE)
    for number, folder in enumerate(OLD):
        path = shlex.quote(f"{home}/{folder}")
        lab.on("mx", f"mkdir -p {path}/cur {path}/new {path}/tmp")
        lab.on("mx", f"cat > {path}/new/{number}.before", mail.as_string())
    lab.on("mx", f"chown -R vmail: {home} && rm /var/lib/dovecot/folders-escaped")
    lab.on("mx", "systemctl restart dovecot.service")
    with lab.imap(DAVE) as session:
        assert set(OLD.values()) <= names(session.list()[1])
        for name in OLD.values():
            assert session.select(quoted(name))[1] == [b"1"], name
        session.select("INBOX")
        for name in reversed(OLD.values()):
            session.delete(quoted(name))
