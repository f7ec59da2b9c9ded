# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail host is its own controller, by Debian's packages."""

from __future__ import annotations

import re

from tests.lab import controller

SITE = "ansible-playbook pillarbox.mail.site -i lab/inventory.yml -i local.yml -e @lab/router.yml"


def test_a_run_on_the_mail_host_itself_finds_it_as_the_controller_left_it() -> None:
    commands = controller.documented("docs/first-server.md", "Debian 13 has all", "\n## ")
    controller.send_checkout()
    try:
        printed = controller.run(f"{commands}\n{SITE}")
    finally:
        controller.remove()
    assert re.search(r"^mx .* changed=0 .* failed=0", printed, re.MULTILINE), printed
