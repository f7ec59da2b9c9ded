# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names lead to this host, by a resolver that answers some of them."""

from __future__ import annotations

import time

import pytest

from pillarbox.certificates import lookups
from pillarbox.certificates.lookups import Lookups
from pillarbox.certificates.pair import CertificateError

from .nameserver import BROKEN, SILENT, NameServer

MX = "mx.example.org"
HERE = ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        (HERE, None),
        (HERE[:1], None),
        (HERE[1:], None),
        (["192.0.2.9"], "leads to 192.0.2.9"),
        # A CA prefers IPv6, or picks either address.
        ([HERE[0], "2001:db8::9"], "leads to 2001:db8::9"),
        ([*HERE, "192.0.2.9"], "leads to 192.0.2.9"),
        ([], "is not in DNS"),
        (None, "is not in DNS"),
        ([BROKEN], "cannot be looked up (NoNameservers)"),
        ([SILENT], "cannot be looked up (LifetimeTimeout)"),
    ],
)
def test_a_name_leads_here_if_all_its_addresses_are_the_hosts(
    addresses: list[str] | None,
    why: str | None,
    nameserver: NameServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookups, "TIMEOUT", 0.3)
    nameserver.table[MX] = HERE
    if addresses is not None:
        nameserver.table["mta-sts.example.org"] = addresses
    expected = {"mta-sts.example.org": why} if why else {}
    assert Lookups(MX).strays(["mta-sts.example.org"]) == expected


@pytest.mark.parametrize(
    ("addresses", "why"),
    [([BROKEN], ".* answered SERVFAIL"), ([SILENT], "no answer in time"), (None, ".*")],
)
def test_a_resolver_that_fails_is_told_at_once(
    addresses: list[str] | None,
    why: str,
    nameserver: NameServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookups, "TIMEOUT", 0.3)
    if addresses:
        nameserver.table[MX] = addresses
    with pytest.raises(
        CertificateError, match=f"mx.example.org cannot be looked up: {why}; check .*resolver"
    ):
        Lookups(MX)


def test_a_host_without_an_address_is_told(nameserver: NameServer) -> None:
    nameserver.table[MX] = []
    with pytest.raises(CertificateError, match="mx.example.org has no address in DNS"):
        Lookups(MX)


def test_a_thousand_names_of_dead_servers_do_not_take_longer_than_one(
    nameserver: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "TIMEOUT", 0.2)
    monkeypatch.setattr(lookups, "PATIENCE", 0.5)
    nameserver.table[MX] = HERE
    names = [f"mta-sts.d{number}.example" for number in range(1000)]
    nameserver.table |= {name: [SILENT] for name in names}
    found = Lookups(MX)
    begin = time.monotonic()
    strays = found.strays(names)
    assert time.monotonic() - begin < 3
    assert found.is_over()
    assert set(strays) == set(names)
    assert set(strays.values()) == {
        "cannot be looked up (LifetimeTimeout)",
        "there was no answer from DNS in time",
    }
