# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from pillarbox.commands import CommandError, CommandTimeout, run

NOISY = ("sh", "-c", "echo one; echo two >&2; cat; exit $0")


def test_returns_what_a_command_prints_of_what_it_was_given() -> None:
    assert run(*NOISY, "0", given=b"three\n") == b"one\nthree\n"
    assert run(*NOISY, "0", given=b"three\n", merge=True) == b"one\ntwo\nthree\n"


def test_a_failure_is_a_sentence_with_the_commands_own_words() -> None:
    with pytest.raises(CommandError, match="^sh -c .* 5 ended with code 5: two$") as failure:
        run(*NOISY, "5", given=b"three\n")
    assert failure.value.output == "two\n"
    with pytest.raises(CommandError, match=r"code 5: one \| two \| three$"):
        run(*NOISY, "5", given=b"three\n", merge=True)


def test_a_command_that_hangs_is_a_failure_too() -> None:
    with pytest.raises(CommandTimeout, match=r"^sleep did not answer within 0 seconds$"):
        run("sleep", "60", timeout=0.1)
