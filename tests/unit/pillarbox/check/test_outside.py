# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller concludes; test_check_outside.py in the lab has it with real hosts."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import dns.name
import dns.rdata
import dns.rdataclass
import pytest

from pillarbox.check.finding import CRITICAL, NOTE, OK, UNKNOWN, WARNING, Finding
from pillarbox.check.outside import ports, records, resolvers
from pillarbox.check.outside.ports import GREETED, MUTE, REFUSED, SILENT, STRANGE, UNREACHABLE, Seen
from pillarbox.check.outside.view import View, view_of
from pillarbox.lookup import Answer, Unknown

ADDRESS = ip_address("2001:db8::25")
HERE = ip_address("127.0.0.1")
NAME = dns.name.from_text("example.org")


@pytest.mark.parametrize(
    ("port", "state", "status", "remedy"),
    [
        (993, GREETED, OK, ""),
        (993, STRANGE, CRITICAL, "restart dovecot"),
        (993, MUTE, UNKNOWN, "restart dovecot"),
        (993, REFUSED, CRITICAL, "if it runs, open port 993"),
        (993, SILENT, CRITICAL, "open port 993 in the firewall"),
        (25, REFUSED, CRITICAL, "restart postfix"),
        # So do many networks of controllers.
        (25, SILENT, UNKNOWN, "many networks let nobody connect to port 25"),
        (25, UNREACHABLE, UNKNOWN, "many networks let nobody connect to port 25"),
    ],
)
def test_a_port_is_judged_by_whether_others_answer(
    port: int, state: int, status: str, remedy: str
) -> None:
    seen = {443: Seen(GREETED, "TLS"), port: Seen(state, "it says")}
    [web, finding] = ports.conclude(ADDRESS, seen)
    assert (web.status, finding.status) == (OK, status)
    assert remedy in finding.remedy and "it says" in finding.found
    assert finding.subject == f"{port}, {ADDRESS}"


@pytest.mark.parametrize("state", [SILENT, UNREACHABLE])
def test_an_address_that_cannot_be_reached_at_all_is_unknown_and_no_fault(state: int) -> None:
    [finding] = ports.conclude(ADDRESS, dict.fromkeys((25, 443, 993), Seen(state, "nothing")))
    assert (finding.status, finding.subject) == (UNKNOWN, str(ADDRESS))
    assert "where IPv6 works" in finding.remedy


def test_what_strangers_should_not_reach_is_named_with_who_it_may_be() -> None:
    [finding] = ports.exposed(ADDRESS, {143: False, 6379: False})
    assert (finding.status, finding.found) == (OK, "2 ports are closed")
    login, internal = ports.exposed(ADDRESS, {143: True, 6379: True, 11334: False})
    assert (login.status, internal.status) == (WARNING, CRITICAL)
    assert "IMAP" in login.found and "Valkey" in internal.found and "6379" in internal.remedy


@pytest.mark.parametrize(
    ("said", "state"),
    [(b"220 mx.example.org ESMTP", GREETED), (b"554 no", STRANGE), (b"", STRANGE)],
)
def test_what_a_port_says_is_read(monkeypatch: pytest.MonkeyPatch, said: bytes, state: int) -> None:
    with socket.create_server((str(HERE), 0)) as listening:
        port: int = listening.getsockname()[1]
        monkeypatch.setitem(ports.GREETINGS, port, b"220")
        with ThreadPoolExecutor() as pool:
            seen = pool.submit(ports.look, "mx.example.org", HERE, port)
            connection, _client = listening.accept()
            with connection:
                connection.sendall(said)
            assert seen.result().state == state
    assert ports.look("mx.example.org", HERE, port).state == REFUSED


def test_a_port_that_says_nothing_in_time_may_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PATIENCE", 0.2)
    with socket.create_server((str(HERE), 0)) as listening:
        port: int = listening.getsockname()[1]
        monkeypatch.setitem(ports.GREETINGS, port, b"220")
        assert ports.look("mx.example.org", HERE, port).state == MUTE


def record(name: str, level: str, state: str = "present", **more: Any) -> dict[str, Any]:
    values = ["v=DMARC1; p=reject"]
    whole = {"name": name, "type": "TXT", "values": values, "state": state, "level": level}
    return {**whole, "pending": False, **more}


def view(**given: Any) -> View:
    whole: dict[str, Any] = {
        "hostname": "mx.example.org",
        "domains": ["example.org"],
        "ports": [25],
        "addresses": [],
        "relay_networks": [],
        "provider": "rfc2136",
        "records": [],
        "unserved": [],
        "resolvers": [],
    }
    return view_of({**whole, **given})


def unserved(name: str, answered: bool, reason: str) -> dict[str, Any]:
    return {"name": name, "type": "TXT", "answered": answered, "reason": reason}


def statuses(found: list[Finding]) -> dict[str, str]:
    return {finding.subject: finding.status for finding in found}


def test_a_missing_record_counts_by_its_level_and_silence_is_named_once() -> None:
    wrong = [unserved(name, True, f"ns2 lacks {name}") for name in ("a", "b", "c", "old")]
    silent = [unserved(name, False, "ns3 does not answer") for name in ("d", "e")]
    found = list(
        records.records(
            view(
                records=[
                    record("a", "required"),
                    record("b", "recommended"),
                    record("c", "optional"),
                    record("d", "required"),
                    record("e", "required"),
                    record("f", "required"),
                    record("old", "required", "absent"),
                    record("gone", "required", "absent"),
                    record("later", "required", pending=True),
                ],
                unserved=[*wrong, *silent],
            )
        )
    )
    assert statuses(found) == {
        "name servers": UNKNOWN,
        "a TXT": CRITICAL,
        "b TXT": WARNING,
        "c TXT": NOTE,
        "f TXT": OK,
        "old TXT": WARNING,
        "gone TXT": OK,
    }
    [missing] = [finding for finding in found if finding.subject == "a TXT"]
    assert "ns2" in missing.found and "reject" in missing.wanted
    assert "run site.yml" in missing.remedy


def mx(*values: str) -> list[dns.rdata.Rdata]:
    return [dns.rdata.from_text(dns.rdataclass.IN, "MX", value) for value in values]


def answer(value: str, secure: bool = True) -> Answer:
    return Answer(NAME, mx(value), secure)


RIGHT, FALSE = "10 mx.example.org.", "10 mx.example.net."


@pytest.mark.parametrize(
    ("said", "status", "found"),
    [
        (answer(RIGHT), OK, "10 mx.example.org., validated"),
        (answer("10 MX.Example.ORG."), OK, "validated"),
        (answer(FALSE), WARNING, "10 mx.example.net."),
        (Answer(NAME, [], True), WARNING, "none"),
        (Unknown("SERVFAIL"), UNKNOWN, "SERVFAIL"),
    ],
)
def test_each_answer_of_a_resolver_is_compared(
    said: Answer | Unknown, status: str, found: str
) -> None:
    question, other = ("example.org", "MX"), ("example.net", "MX")
    answers: resolvers.Answers = {question: said, other: answer(RIGHT)}
    wanted = {question: set(mx(RIGHT)), other: set(mx(RIGHT))}
    [finding, fine] = resolvers.compare("192.0.2.53", answers, wanted, {question, other})
    assert (finding.status, fine.status) == (status, OK)
    assert found in finding.found and "at 192.0.2.53" in finding.subject


def test_a_resolver_that_does_not_validate_is_named_once() -> None:
    questions = [("example.org", "MX"), ("example.net", "MX"), ("unsigned.example", "MX")]
    answers: resolvers.Answers = {one: answer(RIGHT, secure=False) for one in questions}
    wanted = {question: set(mx(RIGHT)) for question in questions}
    note, *fine = resolvers.compare("192.0.2.53", answers, wanted, set(questions[:2]))
    assert (note.status, note.subject, note.wanted) == (NOTE, "192.0.2.53", "the flag AD")
    assert note.found.startswith("2 answers not validated")
    assert {finding.status for finding in fine} == {OK}


def test_a_resolver_without_any_answer_is_named_once() -> None:
    questions = [("example.org", "MX"), ("example.net", "MX")]
    answers: resolvers.Answers = {question: Unknown("timed out") for question in questions}
    wanted = {question: set(mx(RIGHT)) for question in questions}
    [finding] = resolvers.compare("192.0.2.53", answers, wanted, set())
    assert (finding.status, finding.subject) == (UNKNOWN, "192.0.2.53")
    assert "timed out" in finding.found and "check_resolvers" in finding.remedy


def test_the_addresses_are_those_that_most_resolvers_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(name: dns.name.Name, kind: str, _patience: float, resolver: str) -> Answer:
        if resolver == "silent":
            raise Unknown("timed out")
        values = {"A": ["192.0.2.66" if resolver == "liar" else "192.0.2.25"]}.get(kind, [])
        found = [dns.rdata.from_text(dns.rdataclass.IN, kind, value) for value in values]
        return Answer(name, found, False)

    monkeypatch.setattr("pillarbox.lookup.ask", ask)
    seen = resolvers.addresses("mx.example.org", ["liar", "silent", "one", "two"])
    assert seen == [ip_address("192.0.2.25")]
