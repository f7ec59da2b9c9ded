# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records the secondary serves, when the resolver finds no other server."""

from __future__ import annotations

import json
from collections.abc import Callable

import dns.resolver
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pillarbox.mail.plugins.module_utils._dns import served
from ansible_collections.pillarbox.mail.plugins.module_utils._dns.record import Record
from ansible_collections.pillarbox.mail.plugins.modules import dns_served_info

from tests.lab import lab
from tests.lab.dns.bind import Bind
from tests.lab.dns.services import LOOPBACK

# The served names, and for the others the reason.
ServedInfo = Callable[..., tuple[list[str], dict[str, str]]]
OLD, NEW = "v=DKIM1; k=rsa; p=T0xE", "v=DKIM1; k=rsa; p=TkVX"


@pytest.fixture
def served_info(
    bind: Bind, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ServedInfo:
    """Run the module with the primary as resolver and the secondary as the zone's only server."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [LOOPBACK], bind.port, 2
    real = served.unserved

    def unserved(records: list[Record], _none: object) -> dict[Record, served.Unserved]:
        return real(records, resolver, bind.secondary_port)

    monkeypatch.setattr(dns_served_info, "unserved", unserved)

    def served_info(*items: tuple[str, list[str]]) -> tuple[list[str], dict[str, str]]:
        records = [{"name": name, "type": "TXT", "values": values} for name, values in items]
        with patch_module_args({"records": records}), pytest.raises(SystemExit):
            dns_served_info.main()
        result = json.loads(capsys.readouterr().out)
        return result["served"], {item["name"]: item["reason"] for item in result["unserved"]}

    return served_info


def publish(bind: Bind, zone: str, *texts: str) -> list[str]:
    names = [f"{selector}._domainkey.{zone}" for selector in ("r1", "r2")]
    lines = [f'add {name}. 10 TXT "{text}"' for name, text in zip(names, texts, strict=False)]
    bind.nsupdate(zone, *lines)
    return names


def test_a_record_is_served_when_the_secondary_has_it_too(
    bind: Bind, served_info: ServedInfo
) -> None:
    zone = bind.seconded_zone()
    r1, r2 = publish(bind, zone, OLD)

    served, reasons = served_info((r1, [OLD]))
    assert served == []
    assert reasons[r1].startswith(f"ns2.{zone} ({LOOPBACK}) port {bind.secondary_port} does not")

    bind.notify(zone)
    for _attempt in range(50):
        if served_info((r1, [OLD]))[0]:
            break
    served, reasons = served_info((r1, [OLD]), (r2, [NEW]))
    assert served == [r1]
    assert "does not serve r2._domainkey" in reasons[r2]
    assert served_info((r1, [NEW]))[0] == []


def test_a_zone_that_cannot_be_found_and_a_server_that_does_not_answer_are_reported(
    bind: Bind, served_info: ServedInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = bind.seconded_zone()
    name = f"r1._domainkey.{zone}"
    monkeypatch.setattr(bind, "secondary_port", 1)
    served, reasons = served_info((name, [OLD]), ("r1._domainkey.example.com", [OLD]))
    assert served == []
    assert "cannot be reached by TCP" in reasons[name]
    assert reasons["r1._domainkey.example.com"].startswith("The zone of example.com cannot be")


def test_all_that_a_run_would_publish_or_remove_is_looked_for(
    bind: Bind, served_info: ServedInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    zone = bind.seconded_zone()
    r1, r2 = publish(bind, zone, OLD, OLD)
    # Beside an SPF record there may be what others prove with.
    host = f"mx9.{zone}"
    bind.nsupdate(zone, *(f'add {host}. 10 TXT "{text}"' for text in ("proof=1", "v=spf1 -all")))
    bind.notify(zone)
    lab.eventually("the zone's transfer", lambda: served_info((r2, [OLD]))[0] or None)

    def record(name: str, *values: str, **more: object) -> dict[str, object]:
        return {"name": name, "type": "TXT", "values": values, **more}

    text = json.dumps(
        [
            record(host, "v=spf1 -all"),
            record(r1, state="absent"),
            record(f"r3._domainkey.{zone}", state="absent"),
            record(f"r4._domainkey.{zone}", pending=True),
        ]
    )
    with patch_module_args({"records_text": text, "quiet": True}), pytest.raises(SystemExit):
        dns_served_info.main()
    result = json.loads(capsys.readouterr().out)
    assert sorted(result["served"]) == sorted([host, f"r3._domainkey.{zone}"])
    [left] = result["unserved"]
    assert (left["name"], left["type"], left["answered"]) == (r1, "TXT", True)
    assert f"still serves {r1} TXT" in left["reason"]
    assert "still serves" not in str(result.get("warnings"))


def test_a_resolver_is_given_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"records": [], "resolvers": ["dns.example.net"]}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        dns_served_info.main()
    assert "resolvers must be addresses" in json.loads(capsys.readouterr().out)["msg"]


def test_without_records_nothing_is_asked(
    served_info: ServedInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_served_info, "HAS_DNSPYTHON", False)
    assert served_info() == ([], {})
