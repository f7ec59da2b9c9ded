# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the lab, and commands on them."""

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
# Several scenarios may share a set of tests.
SCENARIO = os.environ.get("MOLECULE_SCENARIO_NAME", "default")

MX = "mx.example.org"
# The names of the mail host's web server.
WEB = [
    "webmail.example.org",
    *(
        f"{label}.{domain}"
        for label in ("mta-sts", "autoconfig", "autodiscover")
        for domain in ("example.org", "shop.example.org")
    ),
]
ADDRESSES = {
    **dict.fromkeys([MX, *WEB], "198.18.0.10"),
    "peer.example.net": "198.18.0.20",
    "internet": "198.18.0.53",
}
PRIMARY, SECONDARY = "198.18.0.53", "198.18.0.54"
IMAPS, SUBMISSIONS, SUBMISSION, SMTP = 993, 465, 587, 25
POP3S, MANAGESIEVE, HTTP, HTTPS = 995, 4190, 80, 443

# The TTL of published records in seconds, as set in lab/group_vars/mail_servers.yml.
TTL = 5

# The time limit for a delivery, in seconds. A busy host under test is slow.
PATIENCE = 40.0

T = TypeVar("T")


def use_names() -> None:
    """Let this process connect to the hosts by name, so that their certificates can be verified.

    The controller does not use the lab's DNS.
    """
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(ADDRESSES.get(host, host), *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def eventually(what: str, attempt: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Return the first result of attempt that is not None; fail if there is none in time."""
    deadline = time.monotonic() + patience
    while True:
        result = attempt()
        if result is not None:
            return result
        assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}"
        time.sleep(0.3)


def on(host: str, command: str, stdin: str = "", check: bool = True, timeout: float = 120) -> str:
    """Run a shell command on a host of the lab, and return its output, with standard error."""
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


def send(host: str, to: str, directory: Path, *names: str) -> None:
    """Copy files and directories, relative to a directory here, to one on a host of the lab."""
    tar = subprocess.run(
        ["tar", "-C", str(directory), "-c", *names], stdout=subprocess.PIPE, check=True
    )
    unpack = f"mkdir -p {to} && tar -C {to} --no-same-owner -x"
    ssh = ["ssh", "-F", str(STATE / "ssh_config"), host, unpack]
    subprocess.run(ssh, input=tar.stdout, check=True, timeout=60)


def reboot(host: str) -> None:
    """Reboot a host, except for the kernel, which containers share."""
    subprocess.run([str(ROOT / "bin" / "lab"), "reboot", host], check=True, timeout=120)


def stop_filter() -> None:
    """Kill Rspamd, which would wait up to 16 seconds for its milter sessions otherwise."""
    on("mx", "systemctl kill -s KILL rspamd.service; systemctl stop rspamd.service")
