# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook preflight.yml says of a bare host, which it leaves as it is.

These tests run before those of test_refusals.py, which begin with the same host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import lab
from tests.lab.bare_host import LIST

PLAYBOOK = "pillarbox.mail.preflight"
# At an address without a PTR record, which a DNS list has.
LISTED = "198.18.0.66"


def test_a_bare_host_that_suits_is_left_as_it_is() -> None:
    before = lab.on("mx", LIST)

    run = lab.playbook(PLAYBOOK)

    assert lab.changed(run) == 0
    # Nothing is worse than a note.
    assert re.search(r'"\d+ findings: (\d+ notes?, )?\d+ ok"', run.stdout), run.stdout
    assert lab.on("mx", LIST) == before


@pytest.fixture
def another_server() -> Iterator[None]:
    server = "systemd-run --quiet --unit=other python3 -m http.server 25"
    lab.on("mx", f"{server}; until ss -Hltn 'sport = :25' | grep -q .; do sleep 0.1; done")
    yield
    lab.on("mx", "systemctl stop other")


@pytest.mark.usefixtures("another_server")
@pytest.mark.parametrize("playbook", [PLAYBOOK, "pillarbox.mail.site"])
def test_all_that_is_critical_is_in_one_message_with_its_remedies(playbook: str) -> None:
    before = lab.on("mx", LIST)

    run = lab.playbook(playbook, mail_host_addresses=[LISTED])

    assert run.returncode != 0, run.stdout
    assert lab.on("mx", LIST) == before
    [message] = re.findall(r"^\[ERROR\]: (.*(?:\n(?![\[\s]|$).*)*)", run.stdout, re.MULTILINE)
    for part in (
        "nothing was changed",
        "port in use, 25: python3; stop and disable it",
        f"reverse name, {LISTED}: no PTR record; have the provider of {LISTED} set",
        "preflight_accept",
    ):
        assert part in message, message
    # All findings are shown, too.
    assert f"DNS list, {LISTED} at dnsbl.example.net: listed (127.0.0.3)" in run.stdout


@pytest.mark.usefixtures("another_server")
def test_what_is_accepted_by_name_stops_nothing() -> None:
    run = lab.playbook(PLAYBOOK, preflight_accept=["port in use"])

    assert lab.changed(run) == 0
    assert "warning  port in use, 25: python3 (accepted)" in run.stdout


def test_a_name_that_is_no_check_is_refused() -> None:
    run = lab.playbook(PLAYBOOK, preflight_accept=["ports in use"])

    assert run.returncode != 0
    assert run.stdout.count("[ERROR]") == 1, run.stdout
    assert "Got no match for: ports in use" in run.stdout
