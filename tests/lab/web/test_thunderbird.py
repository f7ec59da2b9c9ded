# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Thunderbird is set up by the address alone, and then sends and reads mail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import lab
from tests.lab.lab import MX
from tests.lab.web import thunderbird
from tests.lab.web.thunderbird import Thunderbird

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Thunderbird]:
    with thunderbird.started(tmp_path_factory.mktemp("thunderbird")) as running:
        yield running


def test_thunderbird_sets_up_an_account_by_its_address_alone_and_sends_and_reads(
    program: Thunderbird,
) -> None:
    address = "alice@example.org"
    found = program.run("find_settings", "Alice", address)
    assert found == {"incoming": f"{MX}:993", "outgoing": f"{MX}:465"}
    program.take_picture("thunderbird")
    account = program.run("log_in", lab.password(address))
    assert account == {"logins": [address, address], "sender": f"Alice <{address}>"}
    mail = lab.message(address, "bob@example.net")
    done = program.run("send_and_read", str(mail["To"]), str(mail["Subject"]))
    assert done.get("status") == 0, done
    assert done["read"] == "Alice <alice@example.org>"
    assert {"INBOX", "Sent", "Drafts", "Junk", "Trash", "Archive"} <= set(done["folders"])
    assert b"From Thunderbird." in lab.received_at_peer(mail)
