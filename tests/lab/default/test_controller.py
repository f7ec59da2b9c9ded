# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's first commands turn a Debian host into a controller."""

from __future__ import annotations

from pathlib import Path

from tests.lab import controller


def test_the_readmes_commands_make_a_controller(tmp_path: Path) -> None:
    commands = controller.documented("README.md", "On the controller", "`inventory.yml`")
    controller.send_packages(tmp_path)
    controller.send_checkout()
    try:
        printed = controller.run(
            f"{commands}\n"
            "ansible-playbook pillarbox.mail.site -i lab/inventory.yml -i local.yml --list-hosts"
        )
    finally:
        controller.remove()
    assert "Build the mail server" in printed
