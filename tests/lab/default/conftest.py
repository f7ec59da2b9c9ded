# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small mailbox, and the configurations of the mail host that the TLS tests need.

A run of the playbook is slow, so several test files share a configuration, which is applied only
when it changes. Any order of the tests works; the order of their names needs the fewest runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import lab
from tests.lab.bogus import TAMPERED

PLAYBOOK = str(Path(__file__).with_name("tls.yml"))
Configure = Callable[..., None]


@pytest.fixture(scope="session")
def configure() -> Iterator[Configure]:
    """Apply settings in addition to the inventory's, and restore the inventory's at the end."""
    present: dict[str, Any] = {}

    def configure(**settings: Any) -> None:
        nonlocal present
        if settings != present:
            run = lab.playbook(PLAYBOOK, **settings)
            assert run.returncode == 0, run.stdout
            present = settings

    yield configure
    configure()


# The fixtures that apply one of the configurations below.
STATES = {"certificate_required", "compatible_with_policies", "issued", "strict_or_by_certificate"}


@pytest.fixture(scope="module", autouse=True)
def no_state(configure: Configure, request: pytest.FixtureRequest) -> None:
    """Restore the inventory's settings for all other test files."""
    tests = [test for test in request.session.items if test.path == request.path]
    if not any(STATES & set(getattr(test, "fixturenames", ())) for test in tests):
        configure()


@pytest.fixture
def compatible_with_policies(configure: Configure) -> None:
    configure(mail_tls_profile="compatible", mail_mta_sts_outbound=True, mail_tls_policy={})


@pytest.fixture
def certificate_required(configure: Configure) -> None:
    configure(mail_client_certificates="required")


@pytest.fixture
def strict_or_by_certificate(configure: Configure) -> None:
    configure(
        mail_tls_profile="strict",
        mail_client_certificates="sufficient",
        # No policy for any other destination in the tests.
        mail_tls_policy={".peer.example.net": "none", f"[mx.address.{TAMPERED}]:25": "encrypt"},
        mail_smarthosts={"carol@example.org": {"host": f"mx.address.{TAMPERED}", "port": 25}},
    )


@pytest.fixture
def erin() -> Iterator[str]:
    """Return Erin's account, which has a quota of 100K; it is empty before and after the test."""
    account = "erin@example.org"
    empty = f"doveadm expunge -u {account} mailbox '*' all"
    lab.on("mx", empty)
    yield account
    lab.on("mx", empty)
