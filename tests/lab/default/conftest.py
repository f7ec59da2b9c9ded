# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small mailbox, and the states that the tests of TLS have the mail host in.

A run takes long, so a state serves several files of tests, and is made only if the host is not in
it. Any order of the tests works; that of their names needs the fewest runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.bogus import TAMPERED

PLAYBOOK = str(Path(__file__).with_name("tls.yml"))
Have = Callable[..., None]


@pytest.fixture(scope="session")
def have() -> Iterator[Have]:
    """Give the host these settings on top of the inventory's, and its own again in the end."""
    present: dict[str, Any] = {}

    def have(**settings: Any) -> None:
        nonlocal present
        if settings != present:
            run = lab.playbook(PLAYBOOK, **settings)
            assert run.returncode == 0, run.stdout
            present = settings

    yield have
    have()


# The fixtures that have the host in one of the states below.
STATES = {"certificate_required", "compatible_with_policies", "issued", "strict_or_by_certificate"}


@pytest.fixture(scope="module", autouse=True)
def no_state(have: Have, request: pytest.FixtureRequest) -> None:
    """All other files of tests find the host with the inventory's settings."""
    tests = [test for test in request.session.items if test.path == request.path]
    if not any(STATES & set(getattr(test, "fixturenames", ())) for test in tests):
        have()


@pytest.fixture
def compatible_with_policies(have: Have) -> None:
    have(mail_tls_profile="compatible", mail_mta_sts_outbound=True, mail_tls_policy={})


@pytest.fixture
def certificate_required(have: Have) -> None:
    have(mail_client_certificates="required")


@pytest.fixture
def strict_or_by_certificate(have: Have) -> None:
    have(
        mail_tls_profile="strict",
        mail_client_certificates="sufficient",
        # No word about any other destination of the tests.
        mail_tls_policy={".peer.example.net": "none", f"[mx.address.{TAMPERED}]:25": "encrypt"},
        mail_smarthosts={"carol@example.org": {"host": f"mx.address.{TAMPERED}", "port": 25}},
    )


@pytest.fixture
def erin() -> Iterator[str]:
    """Her account, with a quota of 100K and no mail in it before and after."""
    account = "erin@example.org"
    empty = f"doveadm expunge -u {account} mailbox '*' all"
    lab.on("mx", empty)
    yield account
    lab.on("mx", empty)
