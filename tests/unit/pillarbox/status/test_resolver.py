# Copyright (c) 2026, The pillarbox.mail developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What "pillarbox status" reports about the resolver, given its answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pillarbox.status import resolver
from pillarbox.status.finding import ATTENTION, OK, UNKNOWN

# Of Unbound 1.22, which validates.
ANSWER = bytes.fromhex(
    "504281a000010001000000000000060001000006000100000e07003d01610c726f6f742d73657276657273036e6574"
    "000a686f73746d6173746572076578616d706c65c02b000000040000012c000000050024ea0000000001"
)


def flags(word: str) -> bytes:
    return ANSWER[:2] + bytes.fromhex(word) + ANSWER[4:]


@pytest.mark.parametrize(
    ("answer", "state", "text"),
    [
        (ANSWER, OK, "answers, and validates DNSSEC"),
        (flags("8180"), ATTENTION, "answers, but does not validate DNSSEC"),
        (flags("8182"), ATTENTION, "cannot look up the root: SERVFAIL"),
        (flags("8189"), ATTENTION, "cannot look up the root: RCODE 9"),
        (b"", ATTENTION, "no answer in 2 s"),
        (b"XX" + ANSWER[2:], ATTENTION, "no answer in 2 s"),
    ],
)
def test_each_answer_is_understood(answer: bytes, state: str, text: str) -> None:
    found = resolver.verdict(answer)
    assert (found.state, found.text) == (state, text)
    assert bool(found.remedy) is (state == ATTENTION)


Address = tuple[str, int]


def ask(address: Address, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the state that the check finds for the server at an address."""
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, _: connect(self, address))
    [found] = resolver.look({"resolver": {"address": "127.0.0.1"}}, 0)
    return found.state


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def test_it_asks_one_question(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer() -> None:
        question, client = server.recvfrom(512)
        asked.append(question)
        server.sendto(ANSWER, client)

    thread = threading.Thread(target=answer)
    thread.start()
    assert ask(server.getsockname(), monkeypatch) == OK
    thread.join()
    assert asked == [resolver.QUESTION]


def test_it_does_not_wait_for_ever(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "PATIENCE", 0.2)
    assert ask(server.getsockname(), monkeypatch) == ATTENTION


def test_that_it_does_not_run_is_said_elsewhere(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.getsockname()
    server.close()
    assert ask(address, monkeypatch) == UNKNOWN
