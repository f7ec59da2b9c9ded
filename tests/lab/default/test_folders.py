# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders can have any name."""

from __future__ import annotations

from tests.lab import lab
from tests.lab.folders import names, quoted

BOB, CAROL, DAVE = "bob@example.net", "carol@example.org", "dave@example.org"
NAMES = ["example.com", "Projekt 1.2", "a/b.c", ".hidden", "trail.", "..", "~x", "a/~x", "50%"]
# Modified UTF-7, as in IMAP (RFC 3501 section 5.1.3): "Entwürfe 2.1" and "R&D".
NAMES += ["Entw&APw-rfe 2.1", "R&-D", "100^2e", "o'brien", "a|b", "$HOME", "{x}", "-v", "cur/new"]


def test_folders_of_any_name_are_made_subscribed_filled_and_removed() -> None:
    mail = lab.message(BOB, DAVE)
    with lab.imap(DAVE) as session:
        for name in map(quoted, NAMES):
            assert session.create(name)[0] == "OK", name
            assert session.subscribe(name)[0] == "OK", name
            assert session.append(name, "", "", mail.as_bytes())[0] == "OK", name
        assert set(NAMES) <= names(session.list()[1])
        assert set(NAMES) <= names(session.lsub()[1])
        for name in NAMES:
            assert session.select(quoted(name))[1] == [b"1"], name
        session.select("INBOX")
        for name in map(quoted, reversed(NAMES)):
            session.unsubscribe(name)
            assert session.rename(name, '"Moved 1.0"')[0] == "OK", name
            assert session.delete('"Moved 1.0"')[0] == "OK", name


def test_a_sub_address_with_a_dot_has_its_folder() -> None:
    with lab.imap(CAROL) as session:
        session.create("example.com")
    mail = lab.message(BOB, "carol+example.com@example.org")
    lab.send_from_peer(mail)
    assert lab.received(CAROL, mail, "example.com")
