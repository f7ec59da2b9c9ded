# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the mail host a controller, with the commands in the guides."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.lab import lab

HOME = "/root/controller"
# Inventory entries as in docs/first-server.md, for the lab's own host.
LOCAL = "mail_servers: {hosts: {mx: {ansible_connection: local}}}"


def documented(guide: str, start: str, end: str) -> str:
    """Return the commands in a part of a guide, with apt made non-interactive."""
    text = (lab.ROOT / guide).read_text().partition(start)[2].partition(end)[0]
    install = re.findall(r"`(apt install [^`]+)`", text)
    commands = "\n".join(install + re.findall(r"^    (.+)$", text, re.MULTILINE))
    return commands.replace("apt install", "apt-get install -qq -y")


def send_checkout() -> None:
    """Copy the checkout, an inventory and its secrets to the mail host."""
    without = ["--exclude-vcs", "--exclude=./.cache", "--exclude=./.venv"]
    secret = [".cache/lab/secrets", ".cache/lab/acme.sh.sha256"]
    lab.send("mx", HOME, lab.ROOT, *without, ".", *secret)
    lab.on("mx", f"cat >{HOME}/local.yml", LOCAL)


def send_packages(directory: Path) -> None:
    """Copy the packages in requirements.txt to the mail host, as pip cannot reach the outside."""
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = lab.on("mx", f'python3 -c "{version}"').strip()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
    options = [f"--python-version={python}", f"--dest={directory / 'packages'}"]
    requirements = ["--requirement", str(lab.ROOT / "requirements.txt")]
    subprocess.run([*pip, *options, *requirements], check=True, timeout=600)
    lab.send("mx", HOME, directory, "packages")


def run(commands: str) -> str:
    """Run commands in a new shell, which stops at the first failure, and return their output."""
    shell = f"export DEBIAN_FRONTEND=noninteractive PIP_NO_INDEX=1 PIP_FIND_LINKS={HOME}/packages"
    return lab.on("mx", "bash -e", f"{shell}\ncd {HOME}\n{commands}\n", timeout=600)


def remove() -> None:
    lab.on("mx", f"rm -rf {HOME} ~/.ansible/collections")
