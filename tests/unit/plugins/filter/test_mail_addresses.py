# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.pillarbox.mail.plugins.filter.mail_addresses import mail_addresses

ALICE, BOB = "alice@example.org", "bob@example.net"


@pytest.mark.parametrize(
    ("address", "account"),
    [
        (ALICE, ALICE),
        (BOB, BOB),
        ("postmaster@example.org", ALICE),
        ("abuse@example.net", ALICE),
        ("hostmaster@mx.example.org", ALICE),
        ("root@mx.example.org", ALICE),
        ("root@localhost", ALICE),
        # Nobody answers at these.
        ("root@example.org", None),
        ("carol@example.org", None),
    ],
)
def test_knows_who_is_behind_an_address(address: str, account: str | None) -> None:
    domains: dict[str, object] = {"example.org": {}, "example.net": {}}
    addresses = mail_addresses([ALICE, BOB], domains, ALICE, "mx.example.org")
    assert addresses.get(address) == account


def test_an_account_goes_before_a_name_that_must_exist() -> None:
    accounts = [ALICE, "postmaster@example.org"]
    addresses = mail_addresses(accounts, ["example.org"], ALICE, "example.org")
    assert addresses["postmaster@example.org"] == "postmaster@example.org"
    assert addresses["abuse@example.org"] == ALICE
