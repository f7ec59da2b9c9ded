# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is concluded before the first run; test_preflight.py in the lab has it with real hosts."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import dns.name
import dns.rdata
import pytest
from ansible_collections.pillarbox.mail.plugins.modules.preflight_info import CHECKS as NAMES

from pillarbox import lookup
from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside.preflight import __main__ as program
from pillarbox.check.outside.preflight import host, plan, world
from pillarbox.check.outside.preflight.plan import Plan, plan_of

V4, V6 = "192.0.2.25", "2001:db8::25"
GREETS = {"server": "a", "state": "greets", "text": "220 a"}
ANSWERS = {"server": "b", "state": "answers", "text": "554 no"}
CLOSED = {"server": "c", "state": "closed", "text": "no answer in 5 s"}
NO_ROUTE = {"server": "e", "state": "no route", "text": "Network is unreachable"}
UNKNOWN_NAME = {"server": "d", "state": "unknown", "text": "no such name"}
GIVEN: dict[str, Any] = {
    "name": "mx",
    "hostname": "MX.example.org",
    "domains": ["example.org"],
    "addresses": [],
    "smarthost": False,
    "dns_lists": {"dnsbl.example": {"127.0.0.2": 3, "127.0.0.9": -3}},
    "resolvers": ["192.0.2.53"],
    "accept": [],
}
HOST: dict[str, Any] = {
    "set_up": False,
    "addresses": [V4, V6],
    "sources": {"4": V4, "6": V6},
    "smtp": {"4": [GREETS], "6": [GREETS]},
    "offset": 0.4,
    "memory": 2 * 10**9,
    "free": {"/": 20 * 10**9},
    "listeners": [],
    "loopback": [],
}


def planned(given: dict[str, Any] | None = None, **seen: Any) -> Plan:
    return plan_of({**GIVEN, **(given or {})}, {**HOST, **seen})


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], list[str]]:
    """Records by name and type, which all resolvers and name servers have."""
    records: dict[tuple[str, str], list[str]] = {
        ("mx.example.org.", "A"): [V4],
        ("mx.example.org.", "AAAA"): [V6],
        ("dnsbl.example.", "NS"): ["ns.dnsbl.example."],
        ("ns.dnsbl.example.", "A"): ["192.0.2.54"],
        ("25.2.0.192.in-addr.arpa.", "PTR"): ["mx.example.org."],
    }

    def ask(name: dns.name.Name, kind: str, patience: float, resolver: str) -> lookup.Answer:
        if resolver == "192.0.2.99":
            raise lookup.Unknown("nobody")
        found = records.get((str(name).lower(), kind), [])
        return lookup.Answer(name, [dns.rdata.from_text("IN", kind, one) for one in found], True)

    monkeypatch.setattr(lookup, "ask", ask)
    return records


def test_the_checks_have_the_names_by_which_the_module_accepts_them() -> None:
    assert list(program.CHECKS) == NAMES


@pytest.mark.parametrize(
    ("v4", "v6", "expected"),
    [
        ([GREETS], [GREETS], [OK, OK]),
        ([CLOSED, GREETS], [NO_ROUTE, UNKNOWN_NAME], [OK]),
        ([CLOSED, ANSWERS, UNKNOWN_NAME], [CLOSED], [WARNING, WARNING]),
        ([CLOSED, UNKNOWN_NAME], [CLOSED], [CRITICAL, CRITICAL]),
        # Mail leaves all the same.
        ([GREETS], [CLOSED], [OK, WARNING]),
        # A server that cannot be looked up says nothing about the port.
        ([UNKNOWN_NAME], [NO_ROUTE], [UNKNOWN]),
        ([NO_ROUTE], [NO_ROUTE], [UNKNOWN]),
        ([], [NO_ROUTE], [UNKNOWN]),
    ],
)
def test_port_25_must_be_open_to_the_outside(
    v4: list[dict[str, str]], v6: list[dict[str, str]], expected: list[str]
) -> None:
    found = list(host.outgoing_port(planned(smtp={"4": v4, "6": v6})))
    assert [one.status for one in found] == expected
    assert all(one.remedy for one in found if one.status == CRITICAL)


def test_with_a_smarthost_for_all_mail_port_25_is_not_needed() -> None:
    [one] = host.outgoing_port(planned({"smarthost": True}, smtp={"4": [], "6": []}))
    assert one.status == OK


def test_another_program_is_in_the_way_unless_the_run_replaces_it() -> None:
    found = [{"port": 25, "program": "exim4"}, {"port": 80, "program": "apache2"}]
    replaced, other = host.listeners(planned(listeners=found))
    assert (replaced.status, other.status) == (NOTE, CRITICAL)
    assert other.found == "apache2" and "sport = :80" in other.remedy
    assert [one.status for one in host.listeners(planned(listeners=None))] == [UNKNOWN]


@pytest.mark.parametrize(
    ("offset", "status", "text"),
    [
        (0.4, OK, "agrees"),
        (-60.0, OK, "agrees"),
        (61.2, CRITICAL, "61 s ahead of"),
        (-90.0, CRITICAL, "90 s behind"),
    ],
)
def test_the_clock_may_be_a_minute_wrong(offset: float, status: str, text: str) -> None:
    [one] = host.clock(planned(offset=offset))
    assert one.status == status and text in one.found


@pytest.mark.parametrize(
    ("memory", "free", "set_up", "expected"),
    [
        (10**9, 5 * 10**9, False, [OK, OK]),
        (10**9 - 1, 5 * 10**9 - 1, False, [WARNING, WARNING]),
        (400 * 10**6, 10**9, False, [CRITICAL, CRITICAL]),
        # It has shown that it is enough.
        (400 * 10**6, 10**9, True, [WARNING, WARNING]),
        (0, 5 * 10**9, False, [UNKNOWN, OK]),
    ],
)
def test_memory_and_space_must_suffice(
    memory: int, free: int, set_up: bool, expected: list[str]
) -> None:
    given = planned(memory=memory, free={"/": free}, set_up=set_up)
    assert [one.status for one in [*host.memory(given), *host.disk(given)]] == expected


def test_a_name_at_loopback_is_named() -> None:
    [one] = host.hosts_file(planned(loopback=["127.0.1.1"]))
    assert (one.status, one.found) == (WARNING, "127.0.1.1 for mx.example.org in /etc/hosts")


def statuses(found: Any) -> dict[str, str]:
    return {one.subject: one.status for one in found}


def test_an_address_is_in_dns_and_on_an_interface(zone: dict[tuple[str, str], list[str]]) -> None:
    assert statuses(world.addresses(planned())) == {V4: OK, V6: OK}
    # To be published, or behind a router.
    zone["mx.example.org.", "AAAA"] = []
    given = {"addresses": [V4, V6, "192.0.2.26"]}
    found = list(world.addresses(planned(given)))
    assert statuses(found) == {V4: OK, V6: NOTE, "192.0.2.26": NOTE}
    assert "site.yml publishes" in found[1].found and "NAT" in found[2].found


def test_without_any_address_those_of_the_interfaces_are_proposed(
    zone: dict[tuple[str, str], list[str]],
) -> None:
    zone["mx.example.org.", "A"] = zone["mx.example.org.", "AAAA"] = []
    [one] = world.addresses(planned())
    assert one.status == CRITICAL and f"to {V4}, {V6}" in one.remedy
    # Nobody can give a private one a name.
    private = planned(addresses=["10.0.0.5", "fd00::5"], sources={"4": "10.0.0.5", "6": ""})
    assert [*world.reverse(private), *world.leaving(private)] == []


@pytest.mark.parametrize(("smarthost", "missing"), [(False, CRITICAL), (True, NOTE)])
def test_a_reverse_name_is_needed_if_mail_leaves_directly(
    zone: dict[tuple[str, str], list[str]], smarthost: bool, missing: str
) -> None:
    found = world.reverse(planned({"smarthost": smarthost}))
    assert statuses(found) == {V4: OK, V6: missing}


def test_mail_leaves_from_an_address_of_the_name(zone: dict[tuple[str, str], list[str]]) -> None:
    found = world.leaving(planned(sources={"4": "192.0.2.7", "6": V6}))
    assert statuses(found) == {"IPv4": CRITICAL, "IPv6": OK}
    # Nothing leaves by IPv6, or Postfix does not use it.
    local = planned({"addresses": [V4]}, sources={"4": V4, "6": "fd00::5"})
    assert statuses(world.leaving(local)) == {"IPv4": OK}
    assert statuses(world.leaving(planned(sources={"4": V4}))) == {"IPv4": OK}


def test_a_listing_is_a_warning_if_the_answer_counts(
    zone: dict[tuple[str, str], list[str]],
) -> None:
    for answer, status in (
        ("127.0.0.2", WARNING),
        ("127.0.0.9", NOTE),
        ("127.255.255.254", UNKNOWN),
    ):
        zone["25.2.0.192.dnsbl.example.", "A"] = [answer]
        found = statuses(world.listed(planned({"addresses": [V4]})))
        assert found == {f"{V4} at dnsbl.example": status}
    del zone["25.2.0.192.dnsbl.example.", "A"], zone["ns.dnsbl.example.", "A"]
    found = statuses(world.listed(planned({"addresses": [V4]})))
    assert found == {f"{V4} at dnsbl.example": UNKNOWN}


def test_the_first_resolver_that_answers_is_asked(zone: dict[tuple[str, str], list[str]]) -> None:
    assert planned({"resolvers": ["192.0.2.99", "192.0.2.53"]}).resolver == "192.0.2.53"
    with pytest.raises(lookup.Unknown, match="set check_resolvers"):
        _ = planned({"resolvers": ["192.0.2.99"]}).resolver


def test_what_is_accepted_is_no_longer_critical() -> None:
    found = [Finding("clock", "", CRITICAL, "late"), Finding("disk", "/", CRITICAL, "full")]
    clock, disk = program.accepted(found, ["clock"])
    assert (clock.status, clock.found, disk.status) == (WARNING, "late (accepted)", CRITICAL)


def test_the_outcome_is_for_people_and_for_programs(
    zone: dict[tuple[str, str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(plan, "PATIENCE", 0.1)
    monkeypatch.setattr(world, "zones_of", lambda names, resolver: [])
    monkeypatch.setattr(
        sys, "stdin", io.StringIO(json.dumps({"given": GIVEN, "host": {**HOST, "offset": 99.0}}))
    )
    program.main()
    outcome = json.loads(capsys.readouterr().out)
    clock, reverse = outcome["critical"]
    assert clock.startswith("clock: 99 s ahead of that of the controller; apt install")
    assert reverse.startswith(f"reverse name, {V6}: no PTR record; have the provider")
    assert outcome["text"].startswith("mx, ") and "2 critical" in outcome["text"]
    assert {one["check"] for one in outcome["findings"]} == set(NAMES) - {"DNSSEC"}
