# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search results with and without a search index; see docs/mailboxes.md."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.lab import lab

BOB = "Bob <bob@sample.test>"
CAROL = "carol@example.org"
FOLDER = "Search"
MAILBOXES = str(Path(__file__).with_name("mailboxes.yml"))
# The messages in the folder, by number.
BOAT, ORDER, LATER = 1, 2, 3


def message(sender: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, CAROL, subject
    mail["X-Extra"] = f"On {subject}"
    mail.set_content(text)
    return mail


@pytest.fixture(scope="module", autouse=True)
def folder() -> Iterator[None]:
    """Two messages with many words in common, in another order."""
    boat = message(
        "Janet <janet@example.org>",
        "a beautiful heading 1.2",
        "A beautiful boat of the Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauverein.",
    )
    order = message(BOB, "heading 2.1, beautiful", "The boat, a beautiful one.")
    with lab.imap(CAROL) as session:
        session.create(FOLDER)
        for mail in (boat, order):
            session.append(FOLDER, "", "", mail.as_bytes())
    yield
    with lab.imap(CAROL) as session:
        session.delete(FOLDER)


def found(criteria: str) -> list[int]:
    with lab.imap(CAROL) as session:
        session.select(FOLDER, readonly=True)
        _, numbers = session.search(None, criteria)
    return [int(number) for number in numbers[0].split()]


@pytest.mark.parametrize(
    ("criteria", "messages"),
    [
        ('FROM "ample.te"', [ORDER]),
        ('FROM "example.ne"', []),
        ('SUBJECT "eautiful head"', [BOAT]),
        ('SUBJECT "2.1"', [ORDER]),
        ('HEADER X-Extra "eautiful"', [BOAT, ORDER]),
        ('HEADER X-Extra "n a beau"', [BOAT]),
        ('BODY "eautiful"', [BOAT, ORDER]),
        ('BODY "eautiful boat"', [BOAT]),
        ('BODY "werkbau"', [BOAT]),
        ('TEXT "ample.te"', [ORDER]),
    ],
)
def test_any_part_of_a_text_is_found_and_nothing_else(criteria: str, messages: list[int]) -> None:
    """RFC 9051, section 6.4.4."""
    assert found(criteria) == messages


def indexes() -> int:
    """Return the number of indexes of folders with mail."""
    return int(lab.on("mx", "find /var/vmail -name iamglass | wc -l"))


def priorities(program: str) -> set[str] | None:
    """Return the nice values of a program's processes, if there are any."""
    return set(lab.on("mx", f"ps -C {program} -o ni=", check=False).split()) or None


def test_an_index_contains_earlier_mail_and_is_removed_when_it_is_disabled() -> None:
    assert indexes() == 0
    assert found('BODY "trizitat"') == []
    try:
        assert lab.changed(lab.playbook(MAILBOXES, mail_full_text_search=True)) > 0
        assert lab.eventually("the indexes", lambda: indexes() or None)
        assert found('BODY "eautiful"') == [BOAT, ORDER]
        # Only an index can do that: IMAP itself distinguishes letters with and without accents.
        assert lab.eventually("words", lambda: found('BODY "trizitat"') == [BOAT] or None)
        assert BOAT in found('SUBJECT "a beautiful"')

        with lab.imap(CAROL) as session:
            session.append(FOLDER, "", "", message(BOB, "later", "Überfahrt").as_bytes())
        assert lab.eventually("the indexer", lambda: priorities("indexer-worker")) == {"19"}
        assert found('BODY "berfahr"') == [LATER]
    finally:
        assert lab.changed(lab.playbook(MAILBOXES)) > 0
    assert lab.eventually("their removal", lambda: indexes() == 0 or None)
