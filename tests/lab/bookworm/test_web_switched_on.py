# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the tests of default and those of web: a host in use gets what is not on by default."""

from __future__ import annotations

from tests.lab import lab
from tests.lab.web.webmail import ALL


def test_webmail_and_calendars_are_added_as_the_check_says_and_stay_as_they_are() -> None:
    predicted = lab.changed(lab.site(*ALL, "--check"))

    assert lab.changed(lab.site(*ALL)) == predicted > 0

    assert lab.changed(lab.site(*ALL)) == 0
