# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prediction of a run on a bare or restored host, compared with the program's own."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from ansible_collections.pillarbox.mail.plugins.module_utils._tls.web_certificates import (
    delay_of,
    predict_web,
)

from pillarbox.certificates import lifetimes
from pillarbox.certificates.ring import now
from pillarbox.certificates.web import Web

from ....pillarbox.certificates.chains import authority, certificate, issued, new_key
from ....pillarbox.certificates.nameserver import NameServer

CA = "https://ca.example/directory"
SITES = {
    "example.org": ["mta-sts.example.org", "autoconfig.example.org"],
    "example.net": ["mta-sts.example.net"],
}
NAMES = SITES["example.org"]
CONFIG: dict[str, Any] = {
    "names": ["mx.example.org"],
    "renew_days": 30,
    "source": "acme",
    "issuer": CA,
    "server": CA,
    "ca_bundle": "",
    "patience": 30,
}


def earlier(**time: float) -> str:
    return (now() - timedelta(**time)).isoformat()


def from_ca(end: float = 60, names: list[str] = NAMES) -> bytes:
    key = new_key()
    return key + issued(key, names=names, begin=end - 90, end=end) + authority()


def self_signed(end: float = 300, names: list[str] = NAMES) -> bytes:
    key = new_key()
    return key + certificate(key, names=names, end=end)


KNOWN = {"issuer": CA}


@pytest.mark.parametrize(
    ("file", "remembered", "config"),
    [
        pytest.param(None, {}, {}, id="bare"),
        pytest.param(None, {}, {"source": "self_signed", "issuer": "self_signed"}, id="bare-own"),
        pytest.param(self_signed(), {}, {}, id="placeholder"),
        pytest.param(self_signed(20.5), {}, {}, id="old-placeholder"),
        pytest.param(self_signed(), {}, {"source": "files", "issuer": "files"}, id="own"),
        pytest.param(self_signed(20.5), {}, {"source": "files", "issuer": "files"}, id="old-own"),
        pytest.param(from_ca(), KNOWN, {}, id="good"),
        pytest.param(from_ca(), KNOWN, {"source": "files", "issuer": "files"}, id="good-unwanted"),
        pytest.param(from_ca(20.5), KNOWN, {}, id="due"),
        pytest.param(from_ca(names=NAMES[:1]), KNOWN, {}, id="name-missing"),
        pytest.param(
            from_ca(names=NAMES[:1]),
            {**KNOWN, "strays": {NAMES[1]: "is not in DNS"}},
            {},
            id="name-elsewhere",
        ),
        pytest.param(
            self_signed(), {"strays": dict.fromkeys(NAMES, "is not in DNS")}, {}, id="all-elsewhere"
        ),
        pytest.param(from_ca(names=[*NAMES, "more.example"]), KNOWN, {}, id="name-removed"),
        pytest.param(from_ca(), {"issuer": "https://other.example/"}, {}, id="other-ca"),
        pytest.param(
            from_ca(20.5),
            {**KNOWN, "failed": earlier(hours=1.5), "tries": 2, "why": ""},
            {},
            id="failed-lately",
        ),
        pytest.param(
            from_ca(20.5),
            {**KNOWN, "failed": earlier(hours=2.5), "tries": 2, "why": ""},
            {},
            id="failed-long-ago",
        ),
        pytest.param(b"junk", KNOWN, {}, id="junk"),
        pytest.param(new_key() + from_ca().partition(b"-----BEGIN CERT")[2], KNOWN, {}, id="key"),
    ],
)
def test_it_is_what_the_program_would_report(
    file: bytes | None,
    remembered: dict[str, Any],
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if file is not None:
        (tmp_path / "example.org.pem").write_bytes(file)
        state = {"orders": [], "sites": {"example.org": remembered}}
        (tmp_path / "state.json").write_text(json.dumps(state))
    settings = {**CONFIG, **config}
    web = {"dir": str(tmp_path), "webroot": "/", "sites": SITES}
    server = NameServer()
    monkeypatch.setattr(dns.resolver, "default_resolver", server.resolver())
    here = {"mx.example.org", *NAMES, *SITES["example.net"]} - set(remembered.get("strays", {}))
    server.table |= dict.fromkeys(here, ["192.0.2.1"])
    try:
        report = Web(settings, web, [], force=False).check(20)
    finally:
        server.stop()
    assert predict_web(settings, web, 20) == {
        "due": report["due"],
        "unserved": report["unserved"],
    }


def test_a_run_orders_some_of_a_thousand(tmp_path: Path) -> None:
    sites = {f"d{number}.example": [f"mta-sts.d{number}.example"] for number in range(1000)}
    report = predict_web(CONFIG, {"dir": str(tmp_path), "sites": sites}, 20)
    assert len(report["due"]) == 1000, "each gets a placeholder"
    assert len(report["unserved"]) == 980


def test_renewals_are_spread_as_the_program_spreads_them() -> None:
    for number in range(100):
        assert delay_of(f"d{number}.example") == lifetimes.delay_of(f"d{number}.example")
