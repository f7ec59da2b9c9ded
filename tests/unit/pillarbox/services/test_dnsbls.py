# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which answers of a DNS list are reported to root; tests/lab/default/ tests this on a host."""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.resolver
import pytest

from pillarbox.services import dnsbls


@pytest.mark.parametrize(
    ("listed", "others", "told"),
    [
        (["127.0.0.2"], [], ""),
        (["127.0.0.2", "127.0.0.4"], [], ""),
        ([], [], "does not list 127.0.0.2"),
        (["127.0.0.2"], ["127.0.0.2"], "lists 127.0.0.1, so it may list every address (127.0.0.2)"),
        (["127.255.255.254"], [], "answers 127.255.255.254, so it refuses"),
        (["127.0.0.1"], [], "answers 127.0.0.1, so it refuses"),
        (["192.0.2.1"], ["192.0.2.1"], "answers 192.0.2.1, 192.0.2.1, so it refuses"),
        ([], dns.exception.Timeout(), "does not answer"),
        (dns.resolver.NoNameservers(), [], "does not answer ("),
    ],
)
def test_says_what_is_wrong_with_a_list(
    monkeypatch: pytest.MonkeyPatch, listed: Any, others: Any, told: str
) -> None:
    lists = {"2.0.0.127.list.example.": listed, "1.0.0.127.list.example.": others}

    def resolve(name: str, rdtype: str, lifetime: float) -> Any:
        answer = lists[name]
        if isinstance(answer, Exception):
            raise answer
        if not answer:
            raise dns.resolver.NXDOMAIN
        return answer

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    found = dnsbls.trouble("list.example")
    assert found.startswith(told) if told else found == ""
