# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface between the roles is in roles/mail/vars/main.yml."""

from __future__ import annotations

import re

from ..paths import ROLES


def test_each_result_that_one_role_registers_for_others_is_in_the_contract() -> None:
    tasks = "".join(path.read_text() for path in ROLES.glob("*/tasks/*.yml"))
    contract = (ROLES / "mail/vars/main.yml").read_text().partition("\n\n")[0]
    registered = re.findall(r"^ *register: ([a-z]\w+)$", tasks, re.MULTILINE)
    assert registered and sorted(registered) == sorted(re.findall(r"^#   (\w+)", contract, re.M))
