# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How DNS tells what verified a server."""

from __future__ import annotations

import dns.name
import dns.rdata
import pytest

from pillarbox import lookup
from pillarbox.services import dane_policy
from pillarbox.tls import verification
from pillarbox.tls.verification import Verification

DNS: dict[tuple[str, str], str] = {
    ("mx.dane.example", "A"): "192.0.2.1",
    ("_25._tcp.mx.dane.example", "TLSA"): f"3 1 1 {'00' * 32}",
    ("_mta-sts.dane.example", "TXT"): '"v=STSv1; id=1"',
    ("mx.sts.example", "A"): "192.0.2.2",
    ("_mta-sts.sts.example", "TXT"): '"v=STS" "v1; id=1"',
    ("mx.plain.example", "A"): "192.0.2.3",
    ("_mta-sts.plain.example", "TXT"): '"something else"',
    ("mx.dead.example", "A"): "fails",
}
asked: list[str] = []


def ask(name: dns.name.Name, rdtype: str) -> object:
    asked.append(name.to_text(omit_final_dot=True))
    text = DNS.get((asked[-1], rdtype), "")
    if text == "fails":
        raise lookup.Unknown(f"{name} {rdtype}: SERVFAIL")
    records = [dns.rdata.from_text("IN", rdtype, text)] if text else []
    return lookup.Answer(name, records, True)


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(dane_policy, "ask", ask)


@pytest.mark.parametrize(
    ("domain", "host", "how"),
    [
        ("dane.example", "mx.dane.example", "dane"),
        # DANE takes precedence, and depends only on the server.
        ("sts.example", "mx.dane.example", "dane"),
        ("sts.example", "mx.sts.example", "mta-sts"),
        ("plain.example", "mx.plain.example", "policy"),
        ("dead.example", "mx.dead.example", "verified"),
        ("plain.example", "mx..example", "verified"),
    ],
)
def test_dns_tells_how_a_server_was_verified(domain: str, host: str, how: str) -> None:
    assert Verification(mta_sts=True).of(domain, host, 25) == how


def test_policies_of_domains_mean_nothing_to_a_host_that_does_not_follow_them() -> None:
    answers = Verification(mta_sts=False)
    assert answers.of("sts.example", "mx.sts.example", 25) == "policy"
    assert "_mta-sts.sts.example" not in asked


def test_a_server_is_looked_up_once() -> None:
    answers = Verification(mta_sts=True)
    for domain in ("a.example", "b.example"):
        answers.of(domain, "mx.plain.example", 25)
    assert asked == [
        "mx.plain.example",
        "_25._tcp.mx.plain.example",
        "_mta-sts.a.example",
        "_mta-sts.b.example",
    ]


def test_dns_that_does_not_answer_does_not_hold_up_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verification, "PATIENCE", 0.0)
    answers = Verification(mta_sts=True)
    assert answers.of("dead.example", "mx.dead.example", 25) == "verified"
    assert answers.of("dane.example", "mx.dane.example", 25) == "verified"
