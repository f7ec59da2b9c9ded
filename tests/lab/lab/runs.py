# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks on the mail host of the lab."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.lab.lab.hosts import COLLECTIONS, ROOT


def changed(run: subprocess.CompletedProcess[str]) -> int:
    """Return the number of changed tasks on the mail host; the run must not have failed."""
    assert run.returncode == 0, run.stdout
    match = re.search(r"^mx .* changed=(\d+) ", run.stdout, re.MULTILINE)
    assert match, run.stdout
    return int(match.group(1))


def site(
    *arguments: str, collections: Path = COLLECTIONS, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run site.yml on the lab's mail host, with settings that override the inventory."""
    return playbook("pillarbox.mail.site", *arguments, collections=collections, **settings)


def by_the_labs_resolver(directory: Path) -> list[str]:
    """Return a command that runs another one on the controller with the lab's resolver."""
    file = directory / "resolv.conf"
    file.write_text("nameserver 198.18.0.55\n")
    mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, str(file)]


def playbook(
    name: str,
    *arguments: str,
    collections: Path = COLLECTIONS,
    within: Sequence[str] = (),
    **settings: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook with the lab's inventory, and with settings that override it.

    The command *within* is run with the playbook's command as further arguments.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # In a file, since settings may be secret and arguments are visible to all users.
        json.dump(settings, file, default=str)
        file.flush()
        return subprocess.run(
            [*within, *command(name), *arguments, "-e", f"@{file.name}"],
            env=environment(collections),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )


def start(name: str) -> subprocess.Popen[bytes]:
    """Start a playbook as the leader of a process group, so that it can be killed."""
    return subprocess.Popen(
        command(name),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def command(name: str) -> list[str]:
    """Return the command that runs a playbook with the lab's inventory."""
    inventory = str(ROOT / "lab/inventory.yml")
    return [sys.executable, "-m", "ansible", "playbook", name, "-i", inventory]


def environment(collections: Path = COLLECTIONS) -> dict[str, str]:
    """Return the environment of a playbook, without colours in its output."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_NOCOLOR": "true",
    }
