# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one check for many subjects at a time."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pillarbox.check.finding import UNKNOWN, Finding

# Most of the time is waiting for others, some of whom do not answer at all.
AT_A_TIME = 16

T = TypeVar("T")


def each(
    check: str,
    subjects: Iterable[T],
    find: Callable[[T], Finding | None],
    name: Callable[[T], str] = str,
) -> Iterator[Finding]:
    """Yield the finding of each subject, in order; "unknown" where the check fails.

    A failure of one subject, whatever the cause, must not hide the others.

    Args:
        name: how the findings call a subject.
    """

    def safely(subject: T) -> Finding | None:
        try:
            return find(subject)
        except Exception as error:
            return Finding(check, name(subject), UNKNOWN, said(error))

    pool = ThreadPoolExecutor(AT_A_TIME)
    try:
        for finding in pool.map(safely, subjects):
            if finding:
                yield finding
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def said(error: Exception) -> str:
    """Return an error in words."""
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        words = text.decode(errors="replace") if isinstance(text, bytes) else text
        return f"{error.smtp_code} {words}"
    return str(error) or type(error).__name__


def each_zone(
    check: str, names: Iterable[str], find: Callable[[str], Finding | None]
) -> Iterator[Finding]:
    """Yield a finding for the zone of each name; several names may be in one."""
    seen = set()
    for finding in each(check, dict.fromkeys(names), find):
        if finding.subject not in seen:
            seen.add(finding.subject)
            yield finding
