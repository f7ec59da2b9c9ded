# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that guess passwords at the web server are banned from logging in, as at the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import lab
from tests.lab.lab import HTTPS, IMAPS, MX, SMTP, SUBMISSIONS

CAROL = "carol@example.org"
PEER = "198.18.0.20"
CURL = "curl -sk -4 -m 30 -o /dev/null"


@pytest.fixture(autouse=True, scope="module")
def forgetful() -> Iterator[None]:
    yield
    lab.forget_failures()


@pytest.fixture(autouse=True)
def unbanned() -> Iterator[None]:
    yield
    lab.unban()


def open_ports(*ports: int) -> list[int]:
    """Return the ports of the mail host that accept a connection from peer."""
    probe = "timeout 5 bash -c '</dev/tcp/198.18.0.10/{0}' 2>/dev/null && echo {0} & "
    command = "".join(probe.format(port) for port in ports)
    return sorted(int(port) for port in lab.on("peer", f"{command} wait").split())


def request(arguments: str, times: int) -> str:
    """Return a command that sends requests at once, in which $n is a number."""
    numbers = " ".join(map(str, range(times)))
    return f"for n in {numbers}; do {CURL} {arguments} >/dev/null 2>&1 & done"


def failures() -> int:
    """Return how many failures of peer fail2ban has seen."""
    log = lab.on("mx", f"grep -c 'Found {PEER}' /var/log/fail2ban.log", check=False)
    return int(log)


def test_requests_without_a_password_are_no_guesses() -> None:
    before = failures()
    for path in ("dav/", "rspamd/stat", "rspamd/", "status/", ".well-known/mta-sts.txt", "nothing"):
        lab.on("peer", f"{request(f'https://{MX}/{path}', 12)}; wait")
    # fail2ban reads the log in order, so it has seen these when it counts what came later.
    lab.on("peer", f"{request(f'-H Password:guess https://{MX}/rspamd/stat', 1)}; wait")
    lab.eventually("the guess", lambda: failures() > before or None)
    assert failures() == before + 1
    assert PEER not in lab.banned()


@pytest.mark.parametrize(
    "guess",
    [
        f"-u {CAROL}:guess$n https://{MX}/dav/",
        f"-H Password:guess$n https://{MX}/rspamd/stat",
        f"-u status:guess$n https://{MX}/status/",
        f"-u prometheus:guess$n https://{MX}/metrics/host",
    ],
)
def test_a_client_that_guesses_passwords_is_banned_from_logging_in_anywhere(guess: str) -> None:
    lab.ban_after(3)
    lab.on("peer", request(guess, 3))
    lab.eventually("the ban", lambda: PEER in lab.banned() or None)
    # The CA's challenges are at port 80.
    assert open_ports(HTTPS, IMAPS, SUBMISSIONS, 80, SMTP) == [SMTP, 80]
    assert lab.answer_to(CAROL).startswith("250 ")
