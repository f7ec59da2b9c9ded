# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the deleted mail is brought back."""

from __future__ import annotations

import argparse
from datetime import datetime

import pytest

from pillarbox import undelete


def given(**words: object) -> argparse.Namespace:
    return argparse.Namespace(**{"since": None, "sender": None, "subject": None, **words})


def test_everything_is_by_default() -> None:
    assert undelete.search_for(given()) == []


def test_mail_is_chosen_by_the_time_of_its_deletion_its_sender_and_its_subject() -> None:
    since = datetime.fromisoformat("2026-11-26 14:00+00:00")
    chosen = given(since=since, sender="bob@example.net", subject="two words")
    assert undelete.search_for(chosen) == [
        *("savedsince", "1795701600"),
        *("from", "bob@example.net"),
        *("subject", "two words"),
    ]


@pytest.mark.parametrize("text", ["yesterday", "26.11.2026", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be as in 2026-11-26"):
        undelete.moment(text)


def test_a_date_means_its_beginning() -> None:
    assert undelete.moment("2026-11-26") == datetime(2026, 11, 26)
