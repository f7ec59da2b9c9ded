# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox junk" learns as spam and ham; tests/lab/default/ tests it with Rspamd."""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from pillarbox import Failure
from pillarbox.filter import junk

DAY = 86400


# The messages of Rspamd 3.4 and 3.12.
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ('{"success":true,"filename":"1","scan_time":0.008000}', "learned"),
        ('{"error":"<a@b> has been already learned as spam, ignore it"}', "known before"),
        ('{"error":"all learn conditions denied learning ham in default classifier"}',
         "recognized anyway"),
        ('{"error":"<undef> contains less tokens than required for bayes classifier: 3 < 11"}',
         "too short"),
    ],
)  # fmt: skip
def test_each_answer_of_rspamd_is_understood(answer: str, outcome: str) -> None:
    assert junk.outcome(answer) == outcome


def test_an_answer_of_another_kind_is_a_failure() -> None:
    with pytest.raises(Failure, match="Rspamd did not learn: cannot find statfile backend"):
        junk.outcome('{"error":"cannot find statfile backend to learn spam in bayes"}')


def test_the_counts_are_told() -> None:
    outcomes = Counter({"too short": 1, "known before": 20})
    assert junk.told("ham", outcomes) == "ham: 0 learned, 1 too short, 20 known before"


# The values of X-Spam as doveadm prints them.
@pytest.mark.parametrize(
    ("header", "filed"),
    [
        ("Yes", True),
        (" yes", True),
        ("No\nYes", True),
        # A header from the sender, which Sieve ignores.
        ("Yes!", False),
        ("", False),
    ],
)
def test_what_sieve_has_filed_is_told_by_its_header(header: str, filed: bool) -> None:
    assert junk.filed(header) is filed


def test_mail_comes_to_the_age_at_which_it_teaches_in_exactly_one_night() -> None:
    nights = [100 * DAY, 101 * DAY + 7, 104 * DAY, 105 * DAY]
    windows = [
        re.findall(r"savedsince (\d+) savedbefore (\d+)", search.query)
        for last, now in zip(nights, nights[1:], strict=False)
        for search in junk.searches(last, now, 3)
        if search.kind == "ham" and "seen" in search.query
    ]
    assert windows == [
        [(str(97 * DAY), str(98 * DAY + 7))],
        [(str(98 * DAY + 7), str(101 * DAY))],
        [(str(101 * DAY), str(102 * DAY))],
    ]


def test_only_moves_teach_when_it_is_said_so() -> None:
    assert [search.kind for search in junk.searches(0, DAY, 0)] == ["spam", "ham"]


def test_only_a_maildir_and_an_mbox_are_archives(tmp_path: Path) -> None:
    for directory in ("Maildir/cur", "Maildir/new", "other/cur"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "Maildir/cur/1").write_bytes(b"Subject: 1\n\n")
    (tmp_path / "mbox").write_bytes(b"From a@b Fri Nov 20 10:00:00 2026\nSubject: 1\n\n" * 2)
    (tmp_path / "text").write_bytes(b"Subject: 1\n\n")
    for name, messages in (("Maildir", 1), ("mbox", 2)):
        with closing(junk.archive(str(tmp_path / name))) as archive:
            assert len(archive) == messages
    for name in ("other", "text"):
        with pytest.raises(Failure, match=f"/{name} is neither an mbox, a file that begins"):
            junk.archive(str(tmp_path / name))
    with pytest.raises(Failure, match="/none: No such file or directory. Name an mbox"):
        junk.archive(str(tmp_path / "none"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Failure, match="is neither an mbox"):
        junk.archive(str(tmp_path / "pipe"))
