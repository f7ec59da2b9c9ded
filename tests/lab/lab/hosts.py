# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the lab, and how to command them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[3]
STATE = ROOT / ".cache" / "lab"
LOGS = ROOT / ".cache" / "log"
COLLECTIONS = ROOT / ".cache" / "collections"
# One set of tests may serve several scenarios.
SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "default")

MX = "mx.example.org"
ADDRESSES = {MX: "198.18.0.10", "peer.example.net": "198.18.0.20", "internet": "198.18.0.53"}
PRIMARY = "198.18.0.53"
IMAPS, SUBMISSIONS, SUBMISSION, SMTP = 993, 465, 587, 25
POP3S, MANAGESIEVE = 995, 4190

# Of the records that a run publishes, in seconds, as lab/group_vars/mail_servers.yml sets it.
TTL = 5

# What each test waits at most for a delivery, in seconds. A host under test is slow, not broken.
PATIENCE = 40.0

T = TypeVar("T")


def use_names() -> None:
    """Let this process connect to the hosts by name, so that their certificates can be checked.

    The controller does not ask the lab's DNS.
    """
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(ADDRESSES.get(host, host), *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def eventually(what: str, attempt: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """The first result of attempt that is not None; fails saying what never came."""
    deadline = time.monotonic() + patience
    while True:
        result = attempt()
        if result is not None:
            return result
        assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}"
        time.sleep(0.3)


def on(host: str, command: str, stdin: str = "", check: bool = True, timeout: float = 120) -> str:
    """What a shell command prints on a host of the lab (its standard error follows)."""
    run = subprocess.run(
        ["ssh", "-F", str(STATE / "ssh_config"), host, command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert not check or run.returncode == 0, f"{host}: {command}: {run.stdout}"
    return run.stdout


def reboot(host: str) -> None:
    """Restart a host as a whole: all but the kernel, which is not the container's."""
    subprocess.run([str(ROOT / "bin" / "lab"), "reboot", host], check=True, timeout=120)


def stop_filter() -> None:
    """End Rspamd at once; by itself it waits a quarter of a minute for its milter sessions."""
    on("mx", "systemctl kill -s KILL rspamd.service; systemctl stop rspamd.service")
