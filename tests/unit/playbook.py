# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook in tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .paths import COLLECTIONS

PLAY = Path(sys.executable).with_name("ansible-playbook")


def play(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the directory's play.yml, without any other settings of Ansible."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return subprocess.run(
        [PLAY, *arguments, "play.yml"],
        cwd=directory,
        env={
            **own,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(directory / "home"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        },
        capture_output=True,
        text=True,
        check=False,
    )
