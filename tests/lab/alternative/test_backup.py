# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups to a directory, of Maildirs whose folders are directories."""

from __future__ import annotations

from tests.lab import lab
from tests.lab.exposure import exposed
from tests.lab.mailbox import folders

ALICE, BOB = "alice@example.org", "bob@example.net"


def test_a_mailbox_comes_back_with_all_folders_beside_what_is_there() -> None:
    mail = lab.message(BOB, ALICE)
    lab.send_from_peer(mail)
    lab.received(ALICE, mail)
    with lab.imap(ALICE) as session:
        session.create("Projects/Work.2026")
        session.select("INBOX")
        session.store("1", "+FLAGS", r"(\Flagged $Important)")
        session.copy("1", "Projects/Work.2026")
    lab.on("mx", "systemctl start pillarbox-backup", timeout=300)
    before = {name: one[1] for name, one in folders(ALICE).items() if one[1]}
    with lab.imap(ALICE) as session:
        session.delete("Projects/Work.2026")
    said = lab.on("mx", f"pillarbox backup restore {ALICE}")
    place = said.strip().rpartition(" is in ")[2]
    after = {name: one[1] for name, one in folders(ALICE).items()}
    for name, messages in before.items():
        assert sorted(messages.values()) == sorted(after[f"{place}/{name}"].values()), name
    # A second time it takes another name.
    again = lab.on("mx", f"pillarbox backup restore {ALICE} --folder Projects/Work.2026")
    assert f"{place} (2)" in again
    assert lab.on("mx", "find /srv/mail -maxdepth 1 -name '.restore*'") == ""


def test_the_job_is_confined_and_runs_when_it_should() -> None:
    assert exposed("pillarbox-backup") == {}
    timer = lab.on("mx", "systemctl list-timers --no-pager pillarbox-backup.timer")
    assert "23:59" in timer or " 00:" in timer
